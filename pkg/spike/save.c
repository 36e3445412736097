#include "spike/spike_priv.h"

/*
 * version kind severity   then the fields in the order below: doubles and floats little-endian, whole
 * numbers as varints
 *
 * What follows from the rest is left out: p, q_cap, p_spike, and of an hour that was never seen its factor.
 * Limits are there so that whatever loads can be reckoned with, not to catch every wrong number: that is the
 * checksum's.
 */
#define SAVE_VERSION 1
#define SAVE_SPIKE   1
#define SAVE_GROUP   2
#define COUNT_MAX    1e15
#define SECOND_MAX   ((uint64_t)UINT32_MAX)

static void save_since(struct saved_out *o, const struct spike *s)
{
	for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++) {
		spike_out_double(o, s->w[j]);
		spike_out_number(o, s->n[j]);
		spike_out_number(o, s->k[j]);
		spike_out_number(o, s->since_s[j]);
	}
}

static void load_since(struct saved_in *in, struct spike *s)
{
	for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++) {
		s->w[j] = spike_in_double(in, 1, EVIDENCE_MAX);
		s->n[j] = (uint32_t)spike_in_number(in, UINT32_MAX);
		s->k[j] = (uint32_t)spike_in_number(in, s->n[j]);
		s->since_s[j] = (uint32_t)spike_in_number(in, SECOND_MAX);
	}
}

static void save_incident(struct saved_out *o, const struct spike *s)
{
	spike_out_double(o, s->v);
	spike_out_double(o, s->v_companion);
	spike_out_double(o, s->rho);
	spike_out_double(o, s->settled_e);
	spike_out_double(o, s->trial_e);
	spike_out_number(o, s->settled_n);
	spike_out_number(o, s->settled_k);
	spike_out_number(o, s->trial_n);
	spike_out_number(o, s->trial_k);
	spike_out_number(o, s->raised_n);
	spike_out_number(o, s->raised_k);
	spike_out_number(o, s->onset_s);
	spike_out_number(o, s->raised_s);
}

static void load_incident(struct saved_in *in, struct spike *s)
{
	s->v = spike_in_double(in, 0, 1);
	s->v_companion = spike_in_double(in, 0, EVIDENCE_MAX);
	s->rho = spike_in_double(in, RHO_LEAST, 1e6);
	s->settled_e = spike_in_double(in, 0, COUNT_MAX);
	s->trial_e = spike_in_double(in, 0, COUNT_MAX);
	s->settled_n = (uint32_t)spike_in_number(in, UINT32_MAX);
	s->settled_k = (uint32_t)spike_in_number(in, s->settled_n);
	s->trial_n = (uint32_t)spike_in_number(in, UINT32_MAX);
	s->trial_k = (uint32_t)spike_in_number(in, s->trial_n);
	s->raised_n = (uint32_t)spike_in_number(in, (uint64_t)s->settled_n + s->trial_n);
	s->raised_k = (uint32_t)spike_in_number(in, s->raised_n);
	s->onset_s = (uint32_t)spike_in_number(in, SECOND_MAX);
	s->raised_s = (uint32_t)spike_in_number(in, SECOND_MAX);
}

static void save_hour(struct saved_out *o, const struct spike *s)
{
	spike_out_number(o, s->hours);
	spike_out_byte(o, s->hour);
	spike_out_byte(o, s->weekend);
	spike_out_byte(o, s->tainted);
	spike_out_number(o, s->hour_n);
	spike_out_number(o, s->hour_k);
	spike_out_double(o, s->hour_e);
	spike_out_double(o, s->base);
	spike_out_double(o, s->season);
	spike_out_double(o, s->misfit2);
	spike_out_float(o, s->week);
}

static void load_hour(struct saved_in *in, struct spike *s)
{
	s->hours = (uint32_t)spike_in_number(in, UINT32_MAX);
	s->hour = spike_in_byte(in, 23);
	s->weekend = spike_in_byte(in, 1);
	s->tainted = spike_in_byte(in, 1);
	s->hour_n = (uint32_t)spike_in_number(in, UINT32_MAX);
	s->hour_k = (uint32_t)spike_in_number(in, s->hour_n);
	s->hour_e = spike_in_double(in, 0, COUNT_MAX);
	s->base = spike_in_double(in, RATE_LOW, RATE_HIGH);
	s->season = spike_in_double(in, 1e-6, 1e6);
	s->misfit2 = spike_in_double(in, 1e-6, MISFIT2_MAX);
	s->week = spike_in_float(in, 1e-3f, 1e3f);
}

static void save_profile(struct saved_out *o, const struct spike *s)
{
	spike_out_float(o, s->residual);
	spike_out_float(o, s->expected2);
	spike_out_float(o, s->held_residual);
	spike_out_float(o, s->held_e2);
	spike_out_float(o, s->week_k);
	spike_out_float(o, s->week_e);
	for (unsigned hour = 0; hour < 24; hour++) {
		spike_out_number(o, s->weight[hour]);
		if (s->weight[hour])
			spike_out_number(o, s->factor[hour]);
	}
}

static void load_profile(struct saved_in *in, struct spike *s)
{
	s->residual = spike_in_float(in, -1e30f, 1e30f);
	s->expected2 = spike_in_float(in, 0, 1e30f);
	s->held_residual = spike_in_float(in, -1e30f, 1e30f);
	s->held_e2 = spike_in_float(in, 0, 1e30f);
	s->week_k = spike_in_float(in, 0, 1e15f);
	s->week_e = spike_in_float(in, 0, 1e15f);
	for (unsigned hour = 0; hour < 24; hour++) {
		s->weight[hour] = (uint16_t)spike_in_number(in, UINT16_MAX);
		s->factor[hour] =
			s->weight[hour] ? (uint16_t)spike_in_number(in, UINT16_MAX) : (uint16_t)FACTOR_UNIT;
	}
}

size_t spike_save(const struct spike *s, unsigned char out[SPIKE_SAVED_MAX])
{
	struct saved_out o = {out};
	spike_out_byte(&o, SAVE_VERSION);
	spike_out_byte(&o, SAVE_SPIKE);
	spike_out_byte(&o, s->severity);
	for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++)
		spike_out_double(&o, s->r[j]);
	spike_out_double(&o, s->q);
	spike_out_double(&o, s->c);
	spike_out_double(&o, s->pending_e);
	spike_out_number(&o, s->pending_s);
	spike_out_number(&o, (uint64_t)s->last_ms);
	spike_out_double(&o, s->s);
	spike_out_double(&o, s->e);
	spike_out_double(&o, s->boost);
	spike_out_number(&o, s->commits);
	if (s->severity)
		save_incident(&o, s);
	else
		save_since(&o, s);
	save_hour(&o, s);
	save_profile(&o, s);
	return (size_t)(o.at - out);
}

static void load_level(struct saved_in *in, struct spike *s)
{
	for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++)
		s->r[j] = spike_in_double(in, 0, EVIDENCE_MAX);
	s->q = spike_in_double(in, RATE_LOW, RATE_HIGH);
	s->c = spike_in_double(in, 1, 1e7);
	s->pending_e = spike_in_double(in, 0, COUNT_MAX);
	s->pending_s = (uint32_t)spike_in_number(in, UINT32_MAX);
	s->last_ms = spike_in_time(in);
	s->s = spike_in_double(in, 0, COUNT_MAX);
	s->e = spike_in_double(in, 0, COUNT_MAX);
	s->boost = spike_in_double(in, 1, EVIDENCE_MAX);
	s->commits = (uint32_t)spike_in_number(in, UINT32_MAX);
}

bool spike_load(struct spike *into, const unsigned char *bytes, size_t len)
{
	struct saved_in in = {bytes, bytes + len, false};
	struct spike s = {0};
	in.broken =
		spike_in_byte(&in, UINT8_MAX) != SAVE_VERSION || spike_in_byte(&in, UINT8_MAX) != SAVE_SPIKE;
	s.severity = spike_in_byte(&in, SPIKE_PAGE);
	load_level(&in, &s);
	if (s.severity)
		load_incident(&in, &s);
	else
		load_since(&in, &s);
	load_hour(&in, &s);
	load_profile(&in, &s);
	if (in.broken || in.at != in.end)
		return false;
	spike_baseline_derive(&s);
	*into = s;
	return true;
}

static void save_day(struct saved_out *o, const struct spike_group_day *day)
{
	spike_out_double(o, day->base);
	spike_out_double(o, day->misfit2);
	for (unsigned hour = 0; hour < 24; hour++)
		spike_out_float(o, day->season[hour]);
	spike_out_float(o, day->weekend);
}

static void load_day(struct saved_in *in, struct spike_group_day *day)
{
	day->base = spike_in_double(in, RATE_LOW, RATE_HIGH);
	day->misfit2 = spike_in_double(in, 1e-5, MISFIT2_MAX);
	for (unsigned hour = 0; hour < 24; hour++)
		day->season[hour] = spike_in_float(in, 1e-3f, 1e3f);
	day->weekend = spike_in_float(in, 1e-3f, 1e3f);
}

size_t spike_group_save(const struct spike_group *g, unsigned char out[SPIKE_GROUP_SAVED_MAX])
{
	struct saved_out o = {out};
	spike_out_byte(&o, SAVE_VERSION);
	spike_out_byte(&o, SAVE_GROUP);
	spike_out_number(&o, (uint64_t)g->day);
	for (unsigned i = 0; i < SPIKE_GROUP_DAYS; i++)
		save_day(&o, &g->days[i]);
	spike_out_double(&o, g->n);
	spike_out_double(&o, g->k);
	for (unsigned hour = 0; hour < 24; hour++) {
		spike_out_double(&o, g->hour_k[hour]);
		spike_out_double(&o, g->hour_e[hour]);
	}
	spike_out_double(&o, g->week_k);
	spike_out_double(&o, g->week_e);
	spike_out_double(&o, g->residual);
	spike_out_double(&o, g->expected2);
	return (size_t)(o.at - out);
}

bool spike_group_load(struct spike_group *into, const unsigned char *bytes, size_t len)
{
	struct saved_in in = {bytes, bytes + len, false};
	struct spike_group g = {0};
	in.broken =
		spike_in_byte(&in, UINT8_MAX) != SAVE_VERSION || spike_in_byte(&in, UINT8_MAX) != SAVE_GROUP;
	g.day = (int64_t)spike_in_number(&in, INT32_MAX);
	for (unsigned i = 0; i < SPIKE_GROUP_DAYS; i++)
		load_day(&in, &g.days[i]);
	g.n = spike_in_double(&in, 0, COUNT_MAX);
	g.k = spike_in_double(&in, 0, COUNT_MAX);
	for (unsigned hour = 0; hour < 24; hour++) {
		g.hour_k[hour] = spike_in_double(&in, 0, COUNT_MAX);
		g.hour_e[hour] = spike_in_double(&in, 0, COUNT_MAX);
	}
	g.week_k = spike_in_double(&in, 0, COUNT_MAX);
	g.week_e = spike_in_double(&in, 0, COUNT_MAX);
	g.residual = spike_in_double(&in, -1e30, 1e30);
	g.expected2 = spike_in_double(&in, 0, 1e30);
	if (in.broken || in.at != in.end)
		return false;
	*into = g;
	return true;
}
