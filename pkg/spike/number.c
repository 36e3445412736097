#include "spike/spike_priv.h"

#include <string.h>

/* x = k ln 2 + r with |r| <= 0.35; Taylor to r^13 leaves 1e-17. Near 0, where silence asks, r^6 does. */
double spike_exp(double x)
{
	static const double inverse[] = {1.0 / 6227020800,
					 1.0 / 479001600,
					 1.0 / 39916800,
					 1.0 / 3628800,
					 1.0 / 362880,
					 1.0 / 40320,
					 1.0 / 5040,
					 1.0 / 720,
					 1.0 / 120,
					 1.0 / 24,
					 1.0 / 6,
					 0.5,
					 1.0,
					 1.0};
	if (x < 0.005 && x > -0.005)
		return 1 +
		       x * (1 + x * (1.0 / 2 + x * (1.0 / 6 + x * (1.0 / 24 + x * (1.0 / 120 + x / 720)))));
	if (!(x > -700))
		return 0;
	x = smaller(x, 700);
	int k = (int)(x * 1.4426950408889634 + (x < 0 ? -0.5 : 0.5));
	double r = x - k * 0.693147180369123816490 - k * 1.90821492927058770002e-10;
	double sum = inverse[0];
	for (unsigned i = 1; i < sizeof inverse / sizeof inverse[0]; i++)
		sum = sum * r + inverse[i];
	return ldexp(sum, k);
}

double spike_power(double base, unsigned n)
{
	double power = 1;
	for (; n; n >>= 1, base *= base)
		if (n & 1)
			power *= base;
	return power;
}

/* The bits of a float from 2^-8 on, with 12 of its mantissa's cut off; 0 stays 0. */
#define WEIGHT_OFFSET ((UINT32_C(127) - 8) << 11)

uint16_t spike_pack(double weight)
{
	float as_float = (float)weight;
	uint32_t bits;
	memcpy(&bits, &as_float, sizeof bits);
	bits = (bits + (1 << 11)) >> 12;
	if (bits <= WEIGHT_OFFSET)
		return 0;
	return (uint16_t)(bits - WEIGHT_OFFSET > UINT16_MAX ? UINT16_MAX : bits - WEIGHT_OFFSET);
}

double spike_unpack(uint16_t packed)
{
	if (packed == 0)
		return 0;
	uint32_t bits = (packed + WEIGHT_OFFSET) << 12;
	float weight;
	memcpy(&weight, &bits, sizeof weight);
	return weight;
}
