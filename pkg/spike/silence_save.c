#include "spike/spike_priv.h"

#define SAVE_VERSION 1
#define SAVE_SILENCE 3
#define COUNT_MAX    1e15
#define RATE_MAX     1e12

static void save_counts(struct saved_out *o, const struct spike_silence *s)
{
	spike_out_number(o, (uint64_t)s->last_ms);
	spike_out_number(o, s->pending_n);
	spike_out_number(o, s->hour_n);
	spike_out_number(o, s->hours);
	spike_out_number(o, s->since_s);
	spike_out_number(o, s->arrived_s);
	spike_out_number(o, s->raised_s);
	spike_out_float(o, s->gap_sum);
	spike_out_float(o, s->gap_square);
	spike_out_float(o, s->misfit_residual);
	spike_out_float(o, s->misfit_e2);
}

static void load_counts(struct saved_in *in, struct spike_silence *s)
{
	s->last_ms = spike_in_time(in);
	s->pending_n = (uint32_t)spike_in_number(in, UINT32_MAX);
	s->hour_n = (uint32_t)spike_in_number(in, UINT32_MAX);
	s->hours = (uint32_t)spike_in_number(in, UINT32_MAX);
	s->since_s = (uint32_t)spike_in_number(in, UINT32_MAX);
	s->arrived_s = (uint32_t)spike_in_number(in, UINT32_MAX);
	s->raised_s = (uint32_t)spike_in_number(in, UINT32_MAX);
	s->gap_sum = spike_in_float(in, 0, 1e15f);
	s->gap_square = spike_in_float(in, 0, 1e30f);
	s->misfit_residual = spike_in_float(in, -1e30f, 1e30f);
	s->misfit_e2 = spike_in_float(in, 0, 1e30f);
}

size_t spike_silence_save(const struct spike_silence *s, unsigned char out[SPIKE_SAVED_MAX])
{
	struct saved_out o = {out};
	spike_out_byte(&o, SAVE_VERSION);
	spike_out_byte(&o, SAVE_SILENCE);
	spike_out_byte(&o, s->severity);
	spike_out_byte(&o, s->raised_as);
	spike_out_byte(&o, s->hour);
	spike_out_byte(&o, s->day);
	spike_out_byte(&o, s->tainted);
	const double *doubles[] = {&s->r[0],  &s->r[1],	     &s->r[2],	    &s->w,     &s->rate,
				   &s->c,     &s->hour_c,    &s->e,	    &s->s,     &s->gap,
				   &s->boost, &s->pending_e, &s->pending_x, &s->hour_e};
	for (unsigned i = 0; i < sizeof doubles / sizeof doubles[0]; i++)
		spike_out_double(&o, *doubles[i]);
	save_counts(&o, s);
	for (unsigned day = 0; day < 3; day++) {
		spike_out_number(&o, s->seen[day]);
		for (unsigned hour = 0; s->seen[day] && hour < 24; hour++)
			spike_out_number(&o, s->profile[day][hour]);
	}
	return (size_t)(o.at - out);
}

static void load_doubles(struct saved_in *in, struct spike_silence *s)
{
	for (unsigned j = 0; j < SPIKE_SILENCE_ALTERNATIVES; j++)
		s->r[j] = spike_in_double(in, 0, EVIDENCE_MAX);
	s->w = spike_in_double(in, s->severity ? 0 : 1, s->severity ? 1 : EVIDENCE_MAX);
	s->rate = spike_in_double(in, 0, RATE_MAX);
	s->c = spike_in_double(in, 1e-9, 1e6);
	s->hour_c = spike_in_double(in, 1e-9, 1e6);
	s->e = spike_in_double(in, 0, COUNT_MAX);
	s->s = spike_in_double(in, 0, COUNT_MAX);
	s->gap = spike_in_double(in, 0, COUNT_MAX);
	s->boost = spike_in_double(in, 1, EVIDENCE_MAX);
	s->pending_e = spike_in_double(in, 0, COUNT_MAX);
	s->pending_x = spike_in_double(in, 0, COUNT_MAX);
	s->hour_e = spike_in_double(in, 0, COUNT_MAX);
}

bool spike_silence_load(struct spike_silence *into, const unsigned char *bytes, size_t len)
{
	struct saved_in in = {bytes, bytes + len, false};
	struct spike_silence s = {0};
	in.broken = spike_in_byte(&in, UINT8_MAX) != SAVE_VERSION ||
		    spike_in_byte(&in, UINT8_MAX) != SAVE_SILENCE;
	s.severity = spike_in_byte(&in, SPIKE_PAGE);
	s.raised_as = spike_in_byte(&in, SPIKE_SILENCE_ALTERNATIVES - 1);
	s.hour = spike_in_byte(&in, 23);
	s.day = spike_in_byte(&in, SPIKE_SUNDAY);
	s.tainted = spike_in_byte(&in, 1);
	load_doubles(&in, &s);
	load_counts(&in, &s);
	for (unsigned day = 0; day < 3; day++) {
		s.seen[day] = (uint16_t)spike_in_number(&in, 24 * 1000);
		for (unsigned hour = 0; s.seen[day] && hour < 24; hour++)
			s.profile[day][hour] = (uint16_t)spike_in_number(&in, UINT16_MAX);
	}
	if (in.broken || in.at != in.end || s.raised_as >= SPIKE_SILENCE_ALTERNATIVES || s.hour > 23 ||
	    s.day > SPIKE_SUNDAY)
		return false;
	*into = s;
	return true;
}
