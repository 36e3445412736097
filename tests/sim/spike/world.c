#include "sim.h"

#include <stdarg.h>

double dice_normal(struct dice *d)
{
	double r = sqrt(-2 * log(dice_unit(d)));
	return r * cos(6.283185307179586 * dice_unit(d));
}

int64_t dice_poisson(struct dice *d, double mean)
{
	if (mean > 100)
		return (int64_t)fmax(0, mean + sqrt(mean) * dice_normal(d) + 0.5);
	int64_t n = 0;
	for (double p = dice_unit(d), limit = exp(-mean); p > limit; p *= dice_unit(d))
		n++;
	return n;
}

int64_t dice_binomial(struct dice *d, int64_t n, double p)
{
	uint64_t below = (uint64_t)(p * 4294967296.0);
	int64_t k = 0;
	for (; n >= 2; n -= 2) {
		uint64_t bits = dice_bits(d);
		k += (bits >> 32) < below;
		k += (bits & UINT32_MAX) < below;
	}
	return k + (n && (dice_bits(d) >> 32) < below);
}

void place_open(struct place *p, const struct world *world, double rate, uint64_t seed)
{
	*p = (struct place){.world = world, .walked = 1, .today = 1, .day = -1};
	p->dice.state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
	for (int i = 0; i < 8; i++)
		dice_bits(&p->dice);
	p->rate = rate * exp(world->fleet * dice_normal(&p->dice));
	p->phase = 24 * dice_unit(&p->dice);
}

static double log_normal(struct dice *d, double sd)
{
	return exp(sd * dice_normal(d) - sd * sd / 2);
}

double place_rate(struct place *p, int64_t at_ms)
{
	const struct world *w = p->world;
	int64_t day = at_ms / DAY_MS;
	for (; p->day < day; p->day++) {
		p->walked *= log_normal(&p->dice, w->drift);
		p->today = log_normal(&p->dice, w->jitter);
	}
	double hour = (double)(at_ms % DAY_MS) / 3600000.0;
	double rate = p->rate * p->walked * p->today;
	rate *= 1 + w->daily * sin((hour - p->phase) * 0.2617993877991494);
	if (day % 7 >= 5)
		rate *= 1 + w->weekend;
	return fmin(rate, 0.9);
}

struct spike_moment moment_at(int64_t at_ms)
{
	int64_t hours = at_ms / 3600000, day = hours / 24 % 7;
	return (struct spike_moment){.at_ms = at_ms,
				     .hours = (uint32_t)hours,
				     .hour = (uint8_t)(hours % 24),
				     .day = day == 5   ? SPIKE_SATURDAY
					    : day == 6 ? SPIKE_SUNDAY
						       : SPIKE_WORKING_DAY};
}

static unsigned reported, failed;

void report(bool ok, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	printf("%sok %u - ", ok ? "" : "not ", ++reported);
	vprintf(format, arguments);
	printf("\n");
	fflush(stdout);
	va_end(arguments);
	failed += !ok;
}

void remark(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	printf("# ");
	vprintf(format, arguments);
	printf("\n");
	fflush(stdout);
	va_end(arguments);
}

unsigned report_failed(void)
{
	return failed;
}
