#include "feed/feed_priv.h"

static uint32_t pick_touchpoint(struct feed *feed)
{
	unsigned weights = 0;
	if (feed->options.touchpoints > MOODS)
		return (uint32_t)dice_below(&feed->dice, (uint64_t)feed->options.touchpoints);
	for (int64_t i = 0; i < feed->options.touchpoints; i++)
		weights += feed_moods[i].weight;
	unsigned at = (unsigned)dice_below(&feed->dice, weights);
	uint32_t i = 0;
	while (at >= feed_moods[i].weight)
		at -= feed_moods[i++].weight;
	return i;
}

/* A numbered touchpoint has a named one's mood, shifted by up to 12 points. */
static struct mood mood_of(uint32_t touchpoint, int64_t at_ms)
{
	struct mood mood = feed_moods[touchpoint % MOODS];
	uint64_t own = dice_mix(touchpoint);
	if (touchpoint >= MOODS)
		mood.promoters = (uint16_t)(mood.promoters + own % 240 - 120);
	/* Moods breathe: up and down by six points, each touchpoint in a rhythm of its own of 25 to 55 minutes. */
	int64_t period = 1500000 + (int64_t)(own >> 20) % 1800000,
		phase = (at_ms + (int64_t)(own >> 8) % period) % period;
	int64_t wave =
		phase * 4 < period * 2 ? phase * 4 - period : period * 3 - phase * 4; /* -period..period */
	mood.promoters = (uint16_t)(mood.promoters + wave * 60 / period);
	return mood;
}

enum face { DETRACTOR, PASSIVE, PROMOTER };

static enum face pick_face(struct feed *feed, const struct plan *plan, const struct mood *mood)
{
	for (unsigned i = 0; i < feed->options.incidents_count; i++)
		if (feed->incidents[i].touchpoint == plan->touchpoint &&
		    plan->time_ms >= feed->incidents[i].from_ms && plan->time_ms < feed->incidents[i].to_ms)
			return dice_chance(&feed->dice, feed->incidents[i].detractors) ? DETRACTOR
			       : dice_below(&feed->dice, 2)			       ? PASSIVE
										       : PROMOTER;
	unsigned at = (unsigned)dice_below(&feed->dice, 1000);
	return at < mood->promoters				 ? PROMOTER
	       : at < (unsigned)mood->promoters + mood->passives ? PASSIVE
								 : DETRACTOR;
}

static int8_t pick_bin(struct feed *feed, enum ledger ledger, enum face face)
{
	static const int8_t low[] = {6, 6, 6, 5, 5, 5, 4, 3, 3, 2, 1, 0, 0};
	uint64_t roll = dice_below(&feed->dice, 1000);
	switch (ledger) {
	case LEDGER_SOCIAL:
		if (roll < 30)
			return BIN_UNREAD;
		return face == DETRACTOR ? BIN_NEGATIVE : face == PASSIVE ? BIN_NEUTRAL : BIN_POSITIVE;
	case LEDGER_REVIEW:
		return (int8_t)(face == DETRACTOR ? 1 + (roll < 400)
				: face == PASSIVE ? 3
						  : 4 + (roll < 600));
	default:
		if (face == DETRACTOR)
			return low[roll % sizeof low];
		return (int8_t)(face == PASSIVE ? 7 + (roll < 550) : 9 + (roll < 560));
	}
}

static enum ledger pick_ledger(struct feed *feed)
{
	double at = (double)(dice_roll(&feed->dice) >> 11) * 0x1p-53 * feed->mix_total;
	for (int i = 0; i < LEDGERS - 1; i++) {
		double weight = feed->options.mix[i] > 0 ? feed->options.mix[i] : 0;
		if (at < weight)
			return (enum ledger)i;
		at -= weight;
	}
	return LEDGER_REVIEW;
}

static struct plan new_response(struct feed *feed, int64_t now_ms)
{
	const struct feed_options *o = &feed->options;
	struct plan plan = {.arrives_ms = now_ms,
			    .id = ++feed->ids,
			    .time_ms = now_ms,
			    .updated_ms = FEEDBACK_NO_VERSION};
	plan.touchpoint = dice_chance(&feed->dice, o->unmapped) ? NO_TOUCHPOINT : pick_touchpoint(feed);
	plan.ledger = pick_ledger(feed);
	plan.words = (uint32_t)dice_roll(&feed->dice);
	if (dice_chance(&feed->dice, o->late))
		plan.time_ms -= o->late_by_ms + 1000 + (int64_t)dice_below(&feed->dice, 86400000);
	struct mood mood = mood_of(plan.touchpoint == NO_TOUCHPOINT ? 0 : plan.touchpoint, now_ms);
	plan.theme = mood.theme;
	plan.bin = plan.felt = pick_bin(feed, plan.ledger, pick_face(feed, &plan, &mood));
	if (plan.ledger == LEDGER_SOCIAL || dice_below(&feed->dice, 100) < 62)
		plan.flags |= PLAN_COMMENT;
	if (o->disorder_ms > 0)
		plan.arrives_ms += (int64_t)dice_below(&feed->dice, (uint64_t)o->disorder_ms + 1);
	return plan;
}

/* ---- what happens to it afterwards ---- */

static int64_t soon(struct feed *feed, int64_t max_ms)
{
	return 1 + (int64_t)dice_below(&feed->dice, (uint64_t)max_ms);
}

/* Some tools send each answer as it is given: the score now and the comment later, or the other way round. The later message
 * may leave out what was sent before; `updated` says which is the newer, if there is one. */
static struct plan split(struct feed *feed, struct plan *first)
{
	struct plan second = *first;
	second.arrives_ms += soon(feed, 90000);
	if (dice_below(&feed->dice, 4))
		second.updated_ms = second.arrives_ms;
	second.flags |= PLAN_COMMENT;
	first->flags &= (uint8_t)~PLAN_COMMENT;
	if (dice_below(&feed->dice, 5) == 0)
		first->bin = BIN_NONE;
	else if (dice_below(&feed->dice, 2))
		second.bin = BIN_NONE;
	return second;
}

static struct plan edited(struct feed *feed, const struct plan *was)
{
	struct plan edit = *was;
	edit.arrives_ms += soon(feed, 300000);
	edit.updated_ms = edit.arrives_ms;
	switch (dice_below(&feed->dice, 6)) {
	case 0: edit.flags |= PLAN_COMMENT; break;
	case 1: edit.touchpoint = pick_touchpoint(feed); break;
	case 2: edit.time_ms -= (int64_t)dice_below(&feed->dice, 3600000); break;
	case 3: /* the wrong kind of survey; without its score now and then, which it keeps */
		if (edit.ledger <= LEDGER_RELATIONSHIP) {
			edit.ledger = edit.ledger == LEDGER_SURVEY ? LEDGER_RELATIONSHIP : LEDGER_SURVEY;
			edit.bin = dice_below(&feed->dice, 3) ? edit.bin : BIN_NONE;
			break;
		}
		/* fall through */
	default: edit.bin = edit.felt = pick_bin(feed, edit.ledger, (enum face)dice_below(&feed->dice, 3));
	}
	edit.words += 1;
	return edit;
}

static void plan_deletion(struct feed *feed, const struct plan *of)
{
	struct plan gone = *of;
	gone.flags = PLAN_DELETION;
	gone.arrives_ms += soon(feed, 300000);
	gone.updated_ms = gone.arrives_ms;
	if (dice_below(&feed->dice, 3) == 0)
		gone.updated_ms = FEEDBACK_NO_VERSION;
	else if (dice_below(&feed->dice, 6) == 0) { /* given back: only a newer version revives it */
		struct plan back = *of;
		back.arrives_ms = gone.arrives_ms + soon(feed, 60000);
		back.updated_ms = back.arrives_ms;
		feed_push(feed, back);
	}
	if (dice_below(&feed->dice, 4) == 0) /* it overtakes what it deletes */
		gone.arrives_ms = of->arrives_ms - 1;
	feed_push(feed, gone);
}

/* Everything that will be sent about a new response. */
void feed_plan(struct feed *feed, int64_t now_ms)
{
	const struct feed_options *o = &feed->options;
	struct plan plan = new_response(feed, now_ms), last;
	bool partial = plan.ledger != LEDGER_SOCIAL && dice_chance(&feed->dice, o->partial);
	last = plan;
	if (partial)
		last = split(feed, &plan);
	feed_push(feed, plan);
	if (partial)
		feed_push(feed, last);
	if (dice_chance(&feed->dice, o->edits)) {
		struct plan edit = edited(feed, &last);
		feed_push(feed, edit);
		if (dice_below(&feed->dice, 4) == 0) { /* an older version that comes after the newer one */
			struct plan stale = edited(feed, &last);
			stale.updated_ms = edit.updated_ms - soon(feed, 10000);
			stale.arrives_ms = edit.arrives_ms + soon(feed, 10000);
			feed_push(feed, stale);
		}
		last = edit;
	}
	if (dice_chance(&feed->dice, o->duplicates)) {
		struct plan again = last;
		again.arrives_ms += soon(feed, 60000);
		feed_push(feed, again);
	}
	if (dice_chance(&feed->dice, o->deletions))
		plan_deletion(feed, &last);
}

/* A broken message speaks of a response that exists or will, so that one that is not rejected is noticed in the counts. */
struct plan feed_broken(struct feed *feed, const struct plan *like)
{
	struct plan plan = *like;
	plan.fault = (uint16_t)(1 + dice_below(&feed->dice, feed_faults_count));
	const struct fault *fault = &feed_faults[plan.fault - 1];
	if (fault->ledger >= 0)
		plan.ledger = (uint8_t)fault->ledger;
	plan.flags = PLAN_COMMENT;
	plan.bin = plan.felt = plan.ledger == LEDGER_SOCIAL ? BIN_NEGATIVE : 1;
	if (fault->field == FEEDBACK_SENTIMENT)
		plan.bin = BIN_UNREAD; /* where there is a class nobody looks at the number */
	plan.words = (uint32_t)dice_roll(&feed->dice);
	return plan;
}
