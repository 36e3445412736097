/*
 * What detectors know, as bytes of a checkpoint: pieces of the modules that own them, each with its length in front.
 */
#include "watch/watch_priv.h"

#include <stdlib.h>

enum { VERSION = 1, HAS_RISE = 1 };

struct pieces {
	unsigned char *out;
	const unsigned char *in;
	size_t len, max;
	bool bad;
};

static void put_whole(struct pieces *p, uint64_t value, unsigned bytes)
{
	p->bad = p->bad || p->max - p->len < bytes;
	for (unsigned i = 0; i < bytes && !p->bad; i++)
		p->out[p->len++] = (unsigned char)(value >> 8 * i);
}

static uint64_t get_whole(struct pieces *p, unsigned bytes)
{
	uint64_t value = 0;
	p->bad = p->bad || p->max - p->len < bytes;
	for (unsigned i = 0; i < bytes && !p->bad; i++)
		value |= (uint64_t)p->in[p->len++] << 8 * i;
	return value;
}

static void put_piece(struct pieces *p, const unsigned char *bytes, size_t len)
{
	put_whole(p, len, 2);
	p->bad = p->bad || p->max - p->len < len;
	if (p->bad)
		return;
	memcpy(p->out + p->len, bytes, len);
	p->len += len;
}

static struct str get_piece(struct pieces *p)
{
	size_t len = get_whole(p, 2);
	p->bad = p->bad || p->max - p->len < len;
	if (p->bad)
		return (struct str){NULL, 0};
	p->len += len;
	return (struct str){(const char *)p->in + p->len - len, len};
}

static const unsigned char *bytes_of(struct str piece)
{
	return (const unsigned char *)piece.at;
}

size_t judge_save(const struct judged *j, unsigned char *out, size_t max)
{
	struct pieces p = {.out = out, .max = max};
	unsigned char bytes[SPIKE_SAVED_MAX], incident[ALERT_INCIDENT_BYTES];
	put_whole(&p, VERSION, 1);
	put_whole(&p, j->rise ? HAS_RISE : 0, 1);
	put_whole(&p, j->number, 8);
	put_whole(&p, (uint64_t)j->look_s, 8);
	put_piece(&p, bytes, spike_save(&j->spike, bytes));
	put_piece(&p, bytes, spike_silence_save(&j->silence, bytes));
	if (j->rise)
		put_piece(&p, bytes, spike_save(j->rise, bytes));
	for (unsigned k = 0; k < JUDGED_KINDS; k++) {
		alert_incident_save(&j->incidents[k], incident);
		put_piece(&p, incident, j->incidents[k].id ? sizeof incident : 0);
	}
	return p.bad ? 0 : p.len;
}

/* A detector of promoters that the configuration does not ask for any more is left behind; one that it asks for now begins anew. */
bool judge_load(struct judged *j, const unsigned char *bytes, size_t len)
{
	struct pieces p = {.in = bytes, .max = len};
	struct spike unwanted;
	if (get_whole(&p, 1) != VERSION)
		return false;
	bool has_rise = get_whole(&p, 1) & HAS_RISE;
	j->number = get_whole(&p, 8);
	j->look_s = (int64_t)get_whole(&p, 8);
	struct str piece = get_piece(&p);
	p.bad = p.bad || !spike_load(&j->spike, bytes_of(piece), piece.len);
	piece = get_piece(&p);
	p.bad = p.bad || !spike_silence_load(&j->silence, bytes_of(piece), piece.len);
	if (has_rise) {
		piece = get_piece(&p);
		p.bad = p.bad || !spike_load(j->rise ? j->rise : &unwanted, bytes_of(piece), piece.len);
	}
	for (unsigned k = 0; k < JUDGED_KINDS; k++) {
		piece = get_piece(&p);
		if (piece.len)
			p.bad = p.bad || !alert_incident_load(&j->incidents[k], bytes_of(piece), piece.len);
	}
	return !p.bad && p.len == len;
}

size_t judge_groups_save(const struct watch *w, unsigned char *out, size_t max)
{
	struct pieces p = {.out = out, .max = max};
	unsigned char bytes[SPIKE_GROUP_SAVED_MAX];
	put_whole(&p, VERSION, 1);
	put_whole(&p, (uint64_t)w->behind_s, 8);
	put_whole(&p, w->shards, 4);
	for (unsigned l = 0; l < LEDGERS; l++) {
		put_piece(&p, bytes, spike_group_save(&w->groups[l].spike, bytes));
		put_piece(&p, bytes, spike_group_save(&w->groups[l].rise, bytes));
	}
	return p.bad ? 0 : p.len;
}

bool judge_groups_load(struct watch *w, const unsigned char *bytes, size_t len)
{
	struct pieces p = {.in = bytes, .max = len};
	if (get_whole(&p, 1) != VERSION)
		return false;
	w->behind_s = (int64_t)get_whole(&p, 8);
	w->shards = (uint32_t)get_whole(&p, 4);
	for (unsigned l = 0; l < LEDGERS && !p.bad; l++) {
		struct str piece = get_piece(&p);
		p.bad = p.bad || !spike_group_load(&w->groups[l].spike, bytes_of(piece), piece.len);
		piece = get_piece(&p);
		p.bad = p.bad || !spike_group_load(&w->groups[l].rise, bytes_of(piece), piece.len);
	}
	w->groups_begun = true;
	return !p.bad && p.len == len && w->shards > 0;
}
