#include "spike/spike_priv.h"

#include <string.h>

void spike_out_byte(struct saved_out *o, uint8_t byte)
{
	*o->at++ = byte;
}

/* 7 bits a byte, low first. */
void spike_out_number(struct saved_out *o, uint64_t value)
{
	for (; value > 127; value >>= 7)
		spike_out_byte(o, (uint8_t)(value | 128));
	spike_out_byte(o, (uint8_t)value);
}

static void out_bits(struct saved_out *o, uint64_t bits, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		spike_out_byte(o, (uint8_t)(bits >> 8 * i));
}

void spike_out_double(struct saved_out *o, double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	out_bits(o, bits, 8);
}

void spike_out_float(struct saved_out *o, float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof bits);
	out_bits(o, bits, 4);
}

static uint8_t next(struct saved_in *in)
{
	if (in->at < in->end)
		return *in->at++;
	in->broken = true;
	return 0;
}

uint8_t spike_in_byte(struct saved_in *in, uint8_t max)
{
	uint8_t byte = next(in);
	in->broken |= byte > max;
	return byte;
}

/* Only the shortest form is one that was written. */
uint64_t spike_in_number(struct saved_in *in, uint64_t max)
{
	uint64_t value = 0;
	uint8_t byte = 128;
	for (unsigned shift = 0; byte & 128 && shift < 64; shift += 7) {
		byte = next(in);
		value |= (uint64_t)(byte & 127) << shift;
		in->broken |= (byte == 0 && shift) || (shift == 63 && byte > 1);
	}
	in->broken |= (byte & 128) || value > max;
	return value;
}

int64_t spike_in_time(struct saved_in *in)
{
	return (int64_t)spike_in_number(in, INT64_MAX / 1000);
}

static uint64_t in_bits(struct saved_in *in, unsigned bytes)
{
	uint64_t bits = 0;
	for (unsigned i = 0; i < bytes; i++)
		bits |= (uint64_t)next(in) << 8 * i;
	return bits;
}

/* A number outside its range, or none, is broken; it is then `min`, so that what follows can reckon. */
double spike_in_double(struct saved_in *in, double min, double max)
{
	uint64_t bits = in_bits(in, 8);
	double value;
	memcpy(&value, &bits, sizeof value);
	if (value >= min && value <= max)
		return value;
	in->broken = true;
	return min;
}

float spike_in_float(struct saved_in *in, float min, float max)
{
	uint32_t bits = (uint32_t)in_bits(in, 4);
	float value;
	memcpy(&value, &bits, sizeof value);
	if (value >= min && value <= max)
		return value;
	in->broken = true;
	return min;
}
