/*
 * What a bundle says of one touchpoint, as detectors want to hear it: by ledger and second; what is new, and what is a correction of
 * what they heard before. A response whose time was edited leaves one second and comes into another: that is neither, or an edit would
 * be evidence.
 */
#include "watch/watch_priv.h"

/* More seconds than a commit ever holds, unless an import runs: what is left over of a ledger is old and goes together. */
static struct judge_part *part_of(struct judge_parts *parts, const struct tally_cell *cell)
{
	for (unsigned i = parts->count; i-- > 0;) {
		struct judge_part *part = &parts->at[i];
		if (part->ledger == cell->ledger &&
		    (part->second == cell->second || parts->count >= JUDGE_PARTS_MAX - LEDGERS))
			return part;
	}
	parts->at[parts->count] = (struct judge_part){.second = cell->second, .ledger = cell->ledger};
	return &parts->at[parts->count++];
}

void judge_classes_init(struct judge_class classes[LEDGERS][BINS])
{
	for (unsigned l = 0; l < LEDGERS; l++)
		for (unsigned bin = 0; bin < BINS; bin++) {
			int64_t bins[BINS] = {0};
			bins[bin] = 1;
			struct nps_counts is = nps_of_bins((enum ledger)l, bins);
			classes[l][bin] = (struct judge_class){nps_n(is) > 0, (uint8_t)is.d, (uint8_t)is.p};
		}
}

unsigned judge_parts_of(struct judge_parts *parts, const struct bundle_group *group,
			const struct judge_class classes[LEDGERS][BINS])
{
	unsigned ledgers = 0;
	parts->count = 0;
	for (uint32_t c = 0; c < group->count; c++) {
		const struct tally_cell *cell = &group->cells[c];
		struct judge_class is = classes[cell->ledger][cell->bin];
		if (!is.counts) /* an unread post */
			continue;
		struct judge_part *part = part_of(parts, cell);
		part->n += cell->delta;
		part->detractors += (int64_t)cell->delta * is.detractor;
		part->promoters += (int64_t)cell->delta * is.promoter;
		ledgers |= 1u << cell->ledger;
	}
	return ledgers;
}

/* One second's share of a correction, as far as there is any left. */
static struct spike_batch share_of(struct spike_batch own, struct spike_batch *left)
{
	struct spike_batch share = {own.n > left->n ? own.n : left->n, 0};
	if (own.k < 0 && left->k < 0)
		share.k = own.k > left->k ? own.k : left->k;
	if (own.k > 0 && left->k > 0)
		share.k = own.k < left->k ? own.k : left->k;
	left->n -= share.n;
	left->k -= share.k;
	return share;
}

static struct spike_batch batch_of(const struct judge_part *part, bool promoters)
{
	return (struct spike_batch){part->n, promoters ? part->promoters : part->detractors};
}

struct sums {
	struct spike_batch fresh, gone,
		net; /* gone: of seconds that hold fewer; net: what came, but for what only moved */
	uint32_t newest_s;
	bool corrected;
};

static struct sums sums_of(const struct judge_parts *parts, enum ledger ledger, bool promoters)
{
	struct sums sums = {0};
	for (unsigned i = 0; i < parts->count; i++) {
		struct spike_batch fresh, change;
		if (parts->at[i].ledger != ledger)
			continue;
		spike_part(batch_of(&parts->at[i], promoters), &fresh, &change);
		sums.fresh.n += fresh.n;
		sums.fresh.k += fresh.k;
		sums.gone.n += change.n;
		sums.gone.k += change.n ? change.k : 0;
		sums.corrected = sums.corrected || change.n || change.k;
		if (fresh.n && parts->at[i].second > sums.newest_s)
			sums.newest_s = parts->at[i].second;
	}
	sums.net = sums.fresh;
	if (sums.gone.n) {
		struct spike_batch rest;
		spike_part((struct spike_batch){sums.fresh.n + sums.gone.n, sums.fresh.k + sums.gone.k},
			   &sums.net, &rest);
		sums.net.k = sums.net.k < sums.fresh.k ? sums.net.k : sums.fresh.k;
	}
	return sums;
}

static void correct(const struct judge_parts *parts, enum ledger ledger, bool promoters,
		    const struct sums *sums, struct spike *s)
{
	struct spike_batch left = {sums->fresh.n + sums->gone.n - sums->net.n,
				   sums->fresh.k + sums->gone.k - sums->net.k};
	for (unsigned i = 0; i < parts->count; i++) {
		struct spike_batch fresh, change;
		if (parts->at[i].ledger != ledger)
			continue;
		spike_part(batch_of(&parts->at[i], promoters), &fresh, &change);
		if (change.n)
			change = share_of(change, &left);
		if (change.n || change.k)
			spike_correct(s, (int64_t)parts->at[i].second * 1000, change);
	}
	if (left.k) /* it moved, and is of another class now */
		spike_correct(s, (int64_t)sums->newest_s * 1000, (struct spike_batch){0, left.k});
}

struct judge_arrived judge_parts_take(const struct judge_parts *parts, enum ledger ledger, struct judged *j)
{
	struct sums detractors = sums_of(parts, ledger, false), promoters = {0};
	if (detractors.corrected)
		correct(parts, ledger, false, &detractors, &j->spike);
	if (j->rise) {
		promoters = sums_of(parts, ledger, true);
		if (promoters.corrected)
			correct(parts, ledger, true, &promoters, j->rise);
	}
	return (struct judge_arrived){detractors.net, promoters.net, detractors.newest_s};
}
