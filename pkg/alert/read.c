/*
 * read - an event out of JSON, as alert_json or a later version wrote it. Members that are not known are
 * passed over, values that can't be make it none.
 */
#include "alert/alert_priv.h"

#include <math.h>

#include "base/must.h"
#include "json/json.h"

/* Times up to the year 33658: what is beyond was not written by a clock, and its arithmetic would overflow.
 * */
#define TIME_MAX_MS ((int64_t)1000000000000000)

static const struct alert_words survey_words[] = {{"responses", "detractors", "nps_before", "nps_now"},
						  {"responses", "promoters", "nps_before", "nps_now"}};
static const struct alert_words post_words[] = {{"responses", "negative", "net_before", "net_now"},
						{"responses", "positive", "net_before", "net_now"}};
static const struct alert_words survey_silence_words = {"expected", "missing", "nps_before", "nps_now"};
static const struct alert_words post_silence_words = {"expected", "missing", "net_before", "net_now"};
static const struct alert_words source_words = {"active_touchpoints", "firing_touchpoints", "nps_before",
						"nps_now"};

const struct alert_words *alert_words(enum alert_kind kind, enum ledger ledger)
{
	bool survey = ledger == LEDGER_SURVEY || ledger == LEDGER_RELATIONSHIP;
	switch (kind) {
	case ALERT_SOURCE_SUSPECT: return &source_words;
	case ALERT_SILENCE: return survey ? &survey_silence_words : &post_silence_words;
	case ALERT_DETRACTOR_SPIKE:
	case ALERT_PROMOTER_RISE: break;
	}
	return &(survey ? survey_words : post_words)[kind == ALERT_PROMOTER_RISE];
}

struct reader {
	const struct json *object;
	struct option_pool *pool;
	bool bad;
};

static struct str kept(struct reader *r, struct str text)
{
	return text.len ? (struct str){option_keep(r->pool, text), text.len} : (struct str){"", 0};
}

static struct str get_text(const struct reader *r, const char *name)
{
	const struct json *value = json_get(r->object, name);
	return value ? json_text(value) : (struct str){"", 0};
}

static struct str get_string(struct reader *r, const char *name)
{
	return kept(r, get_text(r, name));
}

static double get_number(const struct reader *r, const char *name)
{
	const struct json *value = json_get(r->object, name);
	bool number = value && (json_kind(value) == JSON_KIND_WHOLE || json_kind(value) == JSON_KIND_DECIMAL);
	return number ? json_number(value) : NAN;
}

/* A whole number in 0..max; absent: 0. */
static int64_t get_whole(struct reader *r, const char *name, int64_t max)
{
	const struct json *value = json_get(r->object, name);
	if (value == NULL)
		return 0;
	int64_t whole = json_whole(value);
	r->bad |= json_kind(value) != JSON_KIND_WHOLE || whole < 0 || whole > max;
	return whole;
}

static bool get_bool(const struct reader *r, const char *name)
{
	const struct json *value = json_get(r->object, name);
	return value && json_bool(value);
}

/* Texts of a list, as many as there is room for. */
static unsigned get_list(struct reader *r, const char *name, struct str *out, unsigned max)
{
	const struct json *list = json_get(r->object, name);
	size_t count = list && json_kind(list) == JSON_KIND_ARRAY ? json_count(list) : 0;
	unsigned n = 0;
	for (size_t i = 0; i < count && n < max; i++)
		if (json_kind(json_at(list, i)) == JSON_KIND_TEXT)
			out[n++] = kept(r, json_text(json_at(list, i)));
	return n;
}

static uint64_t get_incident(struct reader *r)
{
	struct str text = get_text(r, "incident");
	uint64_t id = 0;
	r->bad |= text.len != ALERT_ID_BYTES;
	for (size_t i = 0; i < text.len && !r->bad; i++) {
		char c = text.at[i];
		int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
		r->bad |= digit < 0;
		id = id << 4 | (uint64_t)(digit & 15);
	}
	r->bad |= id == 0;
	return id;
}

static void read_identity(struct reader *r, struct alert_event *e)
{
	r->bad |= get_whole(r, "version", INT64_MAX) < ALERT_VERSION;
	e->incident = get_incident(r);
	r->bad |= !alert_type_from(get_text(r, "event"), &e->type) ||
		  !alert_kind_from(get_text(r, "kind"), &e->kind) ||
		  !alert_severity_from(get_text(r, "severity"), &e->severity) ||
		  !ledger_from(get_text(r, "ledger"), &e->ledger);
	e->number = (uint64_t)get_whole(r, "number", INT64_MAX);
	e->touchpoint = get_string(r, "touchpoint");
	e->label = get_string(r, "label");
	e->source = get_string(r, "source");
	e->team = get_string(r, "team");
	e->journey = get_string(r, "journey");
	e->stage = get_string(r, "stage");
	e->moment_of_truth = get_bool(r, "moment_of_truth");
	e->partition = json_get(r->object, "partition") ? (int32_t)get_whole(r, "partition", INT32_MAX) : -1;
	e->at_ms = get_whole(r, "at_ms", TIME_MAX_MS);
	e->raised_ms = get_whole(r, "raised_ms", TIME_MAX_MS);
	e->collected = get_bool(r, "collected");
	e->test = get_bool(r, "test");
}

static void read_figures(struct reader *r, struct alert_event *e)
{
	const struct alert_words *words = alert_words(e->kind, e->ledger);
	e->figures = (struct alert_figures){
		.baseline_rate = get_number(r, "baseline_rate"),
		.rate = get_number(r, "rate"),
		.rate_low = get_number(r, "rate_low"),
		.rate_high = get_number(r, "rate_high"),
		.evidence_days = get_number(r, "evidence_days"),
		.nps_before = get_number(r, words->before),
		.nps_now = get_number(r, words->now),
		.responses = get_whole(r, words->all, INT64_MAX),
		.detractors = get_whole(r, words->those, INT64_MAX),
		.onset_ms = get_whole(r, "onset_ms", TIME_MAX_MS),
	};
}

static void read_rest(struct reader *r, struct alert_event *e)
{
	e->parents_count = get_list(r, "parents", e->parents, ALERT_PARENTS_MAX);
	e->children_count = get_list(r, "children", e->children, ALERT_CHILDREN_MAX);
	e->firing = (unsigned)get_whole(r, "firing", UINT32_MAX);
	e->summary = get_string(r, "summary");
	struct reader links = {.object = json_get(r->object, "links"), .pool = r->pool};
	if (links.object) {
		e->dashboard = get_string(&links, "dashboard");
		e->runbook = get_string(&links, "runbook");
		e->ack = get_string(&links, "ack");
	}
}

bool alert_read(struct alert_event *event, struct str json, struct option_pool *pool)
{
	struct err err = {0};
	struct json *tree = json_parse(json, &err);
	struct reader r = {
		.object = tree, .pool = pool, .bad = tree == NULL || json_kind(tree) != JSON_KIND_OBJECT};
	struct alert_event read = {.incident = 0};
	if (!r.bad)
		read_identity(&r, &read);
	if (!r.bad) {
		read_figures(&r, &read);
		read_rest(&r, &read);
		r.bad |= read.touchpoint.len == 0 && read.kind != ALERT_SOURCE_SUSPECT;
	}
	if (tree)
		json_destroy(tree);
	if (!r.bad)
		*event = read;
	return !r.bad;
}
