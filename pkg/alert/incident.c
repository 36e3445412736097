/*
 * incident - the life of one: raised, updated, resolved, reopened; and its bytes in a checkpoint.
 */
#include "alert/alert_priv.h"

#include "base/hash.h"
#include "base/must.h"

static void put_whole(unsigned char *at, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		at[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t get_whole(const unsigned char *at)
{
	uint64_t value = 0;
	for (unsigned i = 8; i-- > 0;)
		value = value << 8 | at[i];
	return value;
}

uint64_t alert_id(const struct alert_place *place)
{
	unsigned char numbers[5 * 8];
	put_whole(numbers, (uint64_t)place->ledger);
	put_whole(numbers + 8, (uint64_t)place->kind);
	put_whole(numbers + 16, (uint64_t)(int64_t)place->partition);
	put_whole(numbers + 24, (uint64_t)place->log_ms);
	put_whole(numbers + 32, (uint64_t)place->offset);
	uint64_t id = hash_join(hash_bytes(place->touchpoint), (struct str){(char *)numbers, sizeof numbers});
	return id ? id : 1; /* 0 is nobody's */
}

static bool step(const struct alert_incident *incident, enum alert_type type, struct alert_step *out)
{
	*out = (struct alert_step){type, (enum alert_severity)incident->severity, incident->id,
				   incident->raised_ms};
	return !incident->silent;
}

/* The next estimate is told when the responses since the onset have doubled: each is then better by a factor
 * of 1.4, and an incident of a million responses has told twenty. */
static void plan_update(struct alert_incident *incident, int64_t responses)
{
	incident->next_update = responses < 1 ? 2 : responses > INT64_MAX / 2 ? INT64_MAX : responses * 2;
}

bool alert_raise(struct alert_incident *incident, const struct alert_place *place,
		 enum alert_severity severity, const struct alert_figures *figures, bool silent,
		 struct alert_step *out)
{
	if (incident->open)
		return alert_update(incident, place->log_ms, severity, figures, out);
	bool again = incident->id != 0 && place->log_ms - incident->changed_ms <= ALERT_REOPEN_MS;
	bool known = again && !incident->silent;
	if (!again) {
		incident->id = alert_id(place);
		incident->raised_ms = place->log_ms;
	}
	incident->changed_ms = place->log_ms;
	incident->onset_ms = figures->onset_ms > 0 ? figures->onset_ms : 0;
	incident->open = true;
	incident->severity = (uint8_t)severity;
	incident->silent = silent;
	plan_update(incident, figures->responses);
	return step(incident, known ? ALERT_REOPENED : ALERT_RAISED, out);
}

bool alert_update(struct alert_incident *incident, int64_t log_ms, enum alert_severity severity,
		  const struct alert_figures *figures, struct alert_step *out)
{
	bool worse = severity > incident->severity;
	if (!incident->open || (!worse && figures->responses < incident->next_update))
		return false;
	if (worse)
		incident->severity = (uint8_t)severity;
	incident->changed_ms = log_ms;
	plan_update(incident, figures->responses);
	return step(incident, ALERT_UPDATED, out);
}

bool alert_resolve(struct alert_incident *incident, int64_t log_ms, struct alert_step *out)
{
	if (!incident->open)
		return false;
	incident->open = false;
	incident->changed_ms = log_ms;
	return step(incident, ALERT_RESOLVED, out);
}

/*
 * id       raised_ms  changed_ms  onset_ms  next_update  open severity silent  zeros
 * 0        8          16          24        32           40   41       42      43 .. 55
 */
enum { AT_FLAGS = 40, AT_ZEROS = 43 };

void alert_incident_save(const struct alert_incident *incident, unsigned char out[ALERT_INCIDENT_BYTES])
{
	memset(out, 0, ALERT_INCIDENT_BYTES);
	put_whole(out, incident->id);
	put_whole(out + 8, (uint64_t)incident->raised_ms);
	put_whole(out + 16, (uint64_t)incident->changed_ms);
	put_whole(out + 24, (uint64_t)incident->onset_ms);
	put_whole(out + 32, (uint64_t)incident->next_update);
	out[AT_FLAGS] = incident->open;
	out[AT_FLAGS + 1] = incident->severity;
	out[AT_FLAGS + 2] = incident->silent;
}

static bool can_be(const struct alert_incident *i)
{
	if (i->open > 1 || i->severity > ALERT_PAGE || i->silent > 1)
		return false;
	if (i->id == 0)
		return !i->open && !i->severity && !i->silent && !i->raised_ms && !i->changed_ms &&
		       !i->onset_ms && !i->next_update;
	return i->raised_ms >= 0 && i->changed_ms >= i->raised_ms && i->onset_ms >= 0 && i->next_update >= 2;
}

bool alert_incident_load(struct alert_incident *incident, const unsigned char *bytes, size_t len)
{
	if (len != ALERT_INCIDENT_BYTES)
		return false;
	struct alert_incident loaded = {
		.id = get_whole(bytes),
		.raised_ms = (int64_t)get_whole(bytes + 8),
		.changed_ms = (int64_t)get_whole(bytes + 16),
		.onset_ms = (int64_t)get_whole(bytes + 24),
		.next_update = (int64_t)get_whole(bytes + 32),
		.open = bytes[AT_FLAGS],
		.severity = bytes[AT_FLAGS + 1],
		.silent = bytes[AT_FLAGS + 2],
	};
	for (unsigned i = AT_ZEROS; i < ALERT_INCIDENT_BYTES; i++)
		if (bytes[i])
			return false;
	if (!can_be(&loaded))
		return false;
	*incident = loaded;
	return true;
}
