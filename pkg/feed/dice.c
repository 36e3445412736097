#include "feed/feed_priv.h"

uint64_t dice_mix(uint64_t x)
{
	x += UINT64_C(0x9E3779B97F4A7C15);
	x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
	return x ^ (x >> 31);
}

void dice_seed(struct dice *dice, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		dice->s[i] = dice_mix(seed + (uint64_t)i * UINT64_C(0x9E3779B97F4A7C15));
}

static uint64_t turned(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

uint64_t dice_roll(struct dice *dice)
{
	uint64_t *s = dice->s;
	uint64_t result = turned(s[1] * 5, 7) * 9, t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = turned(s[3], 45);
	return result;
}

/* Multiply and shift: a bias of n / 2^64 is no concern here. */
uint64_t dice_below(struct dice *dice, uint64_t n)
{
	return (uint64_t)((unsigned __int128)dice_roll(dice) * n >> 64);
}

static double unit(struct dice *dice)
{
	return (double)(dice_roll(dice) >> 11) * 0x1p-53;
}

bool dice_chance(struct dice *dice, double share)
{
	return share > 0 && unit(dice) < share;
}

/* -ln(u) of our own: the series of atanh after u is brought into [1/2, 1) by halving. Only + * /, so the same bits everywhere. */
double dice_wait(struct dice *dice, double mean)
{
	double u = 1.0 - unit(dice), log = 0; /* (0, 1] */
	while (u < 0.5) {
		u *= 2;
		log += 0.69314718055994531;
	}
	double y = (1 - u) / (1 + u), square = y * y, sum = 0;
	for (int k = 21; k >= 1; k -= 2)
		sum = sum * square + 1.0 / k;
	return (log + 2 * y * sum) * mean;
}
