/*
 * spike - has the share of detractors at a touchpoint risen, or have responses stopped coming? Judged at every step, with a
 * bound on false alerts that holds whatever the traffic is.
 *
 * A mixture Shiryaev-Roberts test, in days. For each alternative "the odds of a detractor are now {1.4, 2.2, 4, 12} times the
 * baseline's" there is a sum R_j; the time that passes goes in, and each response multiplies it by its likelihood ratio f_j:
 *
 *   R_j = (R_j + days since the last response / 4) f_j          f_j = P_j / q0 (detractor), (1 - P_j) / (1 - q0) (not)
 *
 * f_j has mean 1 as long as the rate is q0, so sum R - time is a supermartingale; an alert is raised at sum R >= A and takes at
 * least A out of it. So *the expected number of false alerts in any T days is at most T / A*: for every T, with baselines that
 * change, at random traffic, however touchpoints depend on each other. R is an evidence in days: "chance evidence as strong as
 * this comes once in R days here". (Shiryaev 1963, Roberts 1966; Pollak 1987 for unknown rates.)
 *
 *  - q0 is a predictive rate, that of the next response given all that was learned *and* what is pending: little history means
 *    caution, not alarms. q = base x season(hour) x level; level = (4 + S) / (4 + E), S detractors where E were expected; base
 *    and the first season come from the touchpoint's group. C = 1 / (1/(4 + S) + misfit^2) says how much that is worth.
 *  - It never learns from a spike. What arrives is pending and is learned (committed) only when the evidence for 1.4 has
 *    renewed, W_1 <= 1: no sign of a change since. What is pending when an alert is raised is never learned (quarantine).
 *  - Only changes that matter: the rate since onset must lie above baseline x (1 + max(smallest rise, 3 misfit)) by two
 *    standard errors. The misfit is learned from how far the hours fall from what was expected of them
 *    (those with evidence once that has gone away by itself).
 *  - A touchpoint that raised must bring 4 times as much next time; that is forgotten over A days.
 *  - Resolving is a test of its own (V >= 1; null: the spike goes on), not a threshold: false resolves <= one in 14 days
 *    or 500 responses of spike. After 14 days and 1000 responses of an incident, its rate becomes the baseline: SPIKE_NEW_NORMAL.
 *
 * Two severities from one sum. A ticket is raised at sum R >= A_ticket, a page at A_page >= A_ticket. Tickets: let X be the sum
 * outside incidents and 0 inside; X - (time outside) is a supermartingale and each ticket takes A_ticket out of it, so tickets
 * <= T / A_ticket. Pages: the sum itself runs on through a ticket's incident, under the predictive rate with all that is
 * pending, and is set to 0 at a page and at a resolve; both only take out, a page at least A_page, so pages <= T / A_page. The
 * price is nothing: no second statistic, and a page comes when it would have come without tickets.
 *
 * Batches. n responses at one instant, k of them detractors, are one step. Its ratio is P^k (1-P)^(n-k) over the predictive
 * probability of the n in any order: prod(C+s+i) prod(M-C-s+i) / prod(M+i), M = (C+e)/q, which is a Beta-binomial's, so
 * exchangeable, and has mean 1 under it: R is the same as after n single steps in any order, and the bound holds as it stands.
 * What differs: alerts and learning are judged at the end of a batch, renewal (W_j <= 1) every 32 responses of it, where single
 * steps would have looked in between too; that is looking less often, and onset is no finer. The cap on the predictive rate is
 * decided by what was known before (again every 32), so the ratio's mean stays 1. A batch of 1 is the single step, to the last
 * bit.
 *
 * Pure: it knows log time only, and the same steps give the same doubles on every machine (of libm only sqrt and ldexp, which
 * are exact; exp is our own). Advancing in one stride or in many changes nothing but the day on which the group hears of an
 * hour. Everything is embedded and of fixed size; owned by one thread. For good news (a rise of promoters) feed the same
 * struct, with a group of its own, with promoters in place of detractors.
 */
#ifndef SPIKE_H
#define SPIKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/must.h"
#include "base/option.h"
#include "nps/nps.h"

#define SPIKE_ALTERNATIVES 4

struct spike_options {
	double smallest_rise;   /* 0.2: rises of the rate below 20 % raise nothing */
};
extern const struct option_row spike_options[];   /* for the section of alerts */

/* ---- the group: what a touchpoint is taken for before it has shown itself; one per ledger of a watch ---- */

/* What members use is frozen once per day of log time and kept for some days, so that a member that is restored from an older
 * position finds what it found the first time. Sums of the running day never reach a member. Members feed it as their hours
 * end, in the order of the log. It is saved along with every lot of members, so that it is never behind one of them; what
 * comes again of the log up to its own position is stepped with group_fed, and feeds it no second time. */
#define SPIKE_GROUP_DAYS 4
struct spike_group_day {
	double base;            /* rate */
	double misfit2;         /* square of the misfit, relative: 0.0025 is 5 % */
	float season[24];       /* factors, mean about 1 */
	float weekend;          /* factor of Saturdays and Sundays over other days */
};
struct spike_group {
	int64_t day;                                   /* of log time; days[day % SPIKE_GROUP_DAYS] is in force on it */
	struct spike_group_day days[SPIKE_GROUP_DAYS];
	double n, k;                                   /* responses, detractors; a member's hour weighs as 60 responses at most */
	double hour_k[24], hour_e[24];                 /* by hour: detractors, expected without the season */
	double week_k, week_e;                         /* of weekends, expected without their factor */
	double residual, expected2;                    /* sums of (k - e)^2 - e (1 - q), and of e^2 */
};
/* base: the rate to begin with, worth 100 responses (0.15 for surveys is usual). */
void spike_group_init(struct spike_group *, double base, int64_t at_ms);

/* ---- one touchpoint's ledger ---- */

enum spike_severity { SPIKE_NONE, SPIKE_TICKET, SPIKE_PAGE };

struct spike {
	double r[SPIKE_ALTERNATIVES];        /* evidence in days; outside incidents and until the page */
	double p[SPIKE_ALTERNATIVES];        /* rates of the alternatives */
	double q, c, q_cap;                  /* baseline of this hour; what it is worth; the predictive rate's upper end */
	double pending_e;                    /* expected of what is pending */
	uint32_t pending_s;                  /* detractors of it */
	uint8_t severity;                    /* enum spike_severity of the incident; none: all is well */
	uint8_t hour, weekend, tainted;      /* local hour; tainted: an incident lay in it, nothing is learned from it */
	int64_t last_ms;                     /* of the last response */
	union {
		struct {                     /* no incident: since W_j last renewed */
			double w[SPIKE_ALTERNATIVES];
			uint32_t n[SPIKE_ALTERNATIVES], k[SPIKE_ALTERNATIVES];
			uint32_t since_s[SPIKE_ALTERNATIVES];
		};
		struct {
			double v, v_companion;      /* evidence of recovery; since it last renewed */
			double rho, p_spike;        /* odds ratio of the spike as estimated, and its rate */
			double settled_e, trial_e;  /* expected: settled is spike, trial may be recovery */
			uint32_t settled_n, settled_k, trial_n, trial_k;
			uint32_t raised_n, raised_k, onset_s, raised_s;   /* as they were at the alarm */
		};
	};
	double s, e;                         /* the level: detractors, responses (weighted by season), with the memory's decay */
	double boost;                        /* of the threshold, >= 1 */
	double base, season;                 /* the group's rate, this hour's factor, as taken when the hour began */
	double hour_e;                       /* this hour: expected */
	uint32_t hour_n, hour_k;
	uint32_t hours, commits;             /* serial of the hour; commits since 0 */
	double misfit2;                      /* as taken when the hour began, like base and season */
	float residual, expected2;           /* as in the group */
	float held_residual, held_e2;        /* of hours that ended with evidence */
	float week, week_k, week_e;          /* the weekend's part of the season; sums of weekends, as in the group */
	uint16_t factor[24], weight[24];     /* by hour: came over expected (1/8192), and the expected behind it (packed) */
};

/* Kinds of local days. The season knows weekends (both) from working days, silence knows all three. */
enum spike_day { SPIKE_WORKING_DAY, SPIKE_SATURDAY, SPIKE_SUNDAY };   /* holidays: SPIKE_SUNDAY, if they are known */

/* One instant of the log at a touchpoint. */
struct spike_moment {
	int64_t at_ms;      /* log time; an earlier one counts as the latest seen */
	uint32_t hours;     /* serial number of the local hour; counts up, an earlier one counts as the latest */
	uint8_t hour;       /* of the local day, 0..23 */
	enum spike_day day;
};

/* Under what it is judged; may change from step to step. */
struct spike_terms {
	struct spike_options options;
	double ticket_days, page_days;   /* A: one false ticket (page) in so many days; ticket <= page, equal: pages only */
	struct spike_group *group;
	bool group_fed;                  /* the group, restored from a newer position, has seen this one: it is not fed again */
};

struct spike_batch {
	int64_t n, k;       /* responses, detractors among them; 0 <= k <= n but for corrections */
};

enum spike_event_kind { SPIKE_RAISED, SPIKE_ESCALATED, SPIKE_RESOLVED, SPIKE_NEW_NORMAL };
struct spike_event {
	enum spike_event_kind kind;
	enum spike_severity severity;
	int64_t at_ms, onset_ms, raised_ms;   /* onset: when the evidence began (whole seconds) */
	struct spike_batch since_onset;
	double rho;                           /* odds ratio: of the alternative that fits best; at the end: as estimated */
	double baseline, level, season;       /* baseline = base x level x season, clipped */
	double misfit;                        /* sigma, relative */
	double evidence_days, budget_days;    /* sum R and the A of this severity; at the end: V, and 0 */
	double rate;                          /* since onset */
	struct nps_interval interval;         /* of it, 90 %: Wilson; RAISED: lower arm x 2.2, since alarms choose high rates */
};

void spike_init(struct spike *, const struct spike_terms *, const struct spike_moment *);
/* n responses at one moment; 0 <= n < 2^31. True: something happened (at most one thing a step). */
bool spike_step(struct spike *, const struct spike_terms *, const struct spike_moment *, struct spike_batch,
		struct spike_event *out);
/* Time passed without responses: closes hours, lets memories fade. A step does it by itself; only the accessors need it. */
void spike_advance(struct spike *, const struct spike_terms *, const struct spike_moment *);
/* An edit or deletion: signed changes to responses dated `of_ms`, n <= 0. What may still be pending (not older than the last
 * renewal) is mended, evidence that it gave is taken back; no R and no W ever rises. During an incident the counts since onset
 * are mended. What was learned stays. */
void spike_correct(struct spike *, int64_t of_ms, struct spike_batch change);
/* The sums of a tally's cells of one second, parted into new responses and a correction (either may be 0, 0). */
void spike_part(struct spike_batch sum, struct spike_batch *fresh, struct spike_batch *correction);

struct spike_reading {
	bool ready;                           /* false: it still learns (baseline worth less than 30 detractors) */
	double baseline_rate;                 /* now */
	int64_t learned_responses;            /* within the baseline's memory */
	enum spike_severity severity;         /* of the open incident */
	double evidence_days;                 /* sum R; after a page 0 */
	double recovery;                      /* V: 1 resolves */
	/* of the open incident: */
	int64_t onset_ms, raised_ms;
	struct spike_batch since_onset, since_raised;
	double rate_since_onset, rate_since_raised;                        /* the second is unbiased */
	struct nps_interval onset_interval, raised_interval;               /* 90 %; meaningless while n is 0 */
};
void spike_read(const struct spike *, struct spike_reading *);

/* ---- silence: no responses where there used to be ---- */

/*
 * The same test on counts: under the learned arrivals (a rate per local hour and kind of day, and a level), evidence grows with
 * what was expected and did not come. Alternatives: the rate is now {0, 0.1, 0.3} of what it was.
 *
 *   R_c = (R_c + days / 3) (c^n exp((1 - c) x))^(1/clump)      x = arrivals expected in the interval, n that came
 *
 * The ratio has mean 1 at the predictive rate, so the bound T / A is the same. Gamma-Poisson, twice: rate x (C + came) / (C +
 * expected), since the hour began for the hour's own level (hours differ by a misfit that is learned), and of what that leaves
 * since the last renewal for the touchpoint's. What keeps it true outside of the textbook:
 *  - arrivals come in clumps, from tools that deliver every few minutes, from campaigns. `clump` is the touchpoint's own
 *    measure: mean square over twice the mean of its gaps, in expected arrivals (1 for Poisson). A power below 1 keeps a mean
 *    of 1 below 1 (Jensen);
 *  - an hour that was seen d times is expected to bring d/(d+1) of what it did; nothing is judged before it was seen twice and
 *    gaps worth 20 arrivals were measured;
 *  - a step counts as a minute at most, and as no time at all if an intake was behind; nothing is learned from such an hour;
 *  - time counts only as far as arrivals were expected: as with gaps above, one false alert in 500 expected arrivals at most;
 *  - less than 0.4 of what was expected must have come since onset: a slow day is no silence.
 * It resolves when responses come again, by V as above: null {0.1, 0.2, 0.45} of the rate, alternative the whole rate. After 14
 * days all is learned anew (SPIKE_NEW_NORMAL).
 */
#define SPIKE_SILENCE_ALTERNATIVES 3
struct spike_silence {
	double r[SPIKE_SILENCE_ALTERNATIVES];
	double w;                            /* companion of 0.3: renews at <= 1; during an incident V */
	double rate, c, hour_c;              /* per day, this hour; what the level is worth, and an hour's own level */
	double pending_e, pending_x;         /* expected since the last renewal: by the rate; as the hours turned out */
	double s, e;                         /* the level: arrivals, expected by the profile alone */
	double boost;
	double gap;                          /* expected since the last arrival */
	double hour_e;                       /* expected in this hour */
	int64_t last_ms;                     /* of the last step */
	uint32_t pending_n, hour_n, hours;
	uint32_t since_s, arrived_s, raised_s;   /* last renewal, last arrival, alarm */
	float gap_sum, gap_square;
	float misfit_residual, misfit_e2;
	uint16_t profile[3][24];             /* mean arrivals by kind of day and hour (packed) */
	uint16_t seen[3];                    /* hours of that kind of day from which it was learned */
	uint8_t hour, day, tainted;
	uint8_t severity, raised_as;         /* raised_as: the alternative */
};

struct spike_arrivals {
	int64_t n;
	bool behind;        /* an intake was behind at some time since the last step: the time does not count */
	bool past;          /* a log is read again, nobody is to be told: a step counts for 15 minutes at most, not 1 */
};
void spike_silence_init(struct spike_silence *, const struct spike_moment *);
/* Call it when something arrived and at least every few seconds of log time otherwise, as a function of the log alone; of `terms`
 * only the days are used. In the event since_onset is {expected, arrived}, rate = arrived / expected, rho the alternative, and
 * baseline the arrivals expected per day at this hour. */
bool spike_silence_step(struct spike_silence *, const struct spike_terms *, const struct spike_moment *, struct spike_arrivals,
			struct spike_event *out);

/* ---- bytes ---- */

/* Versioned, doubles bit for bit, whole numbers as varints: what is loaded goes on exactly as what was saved. save returns the
 * length. load refuses whatever no save can have written (and is then as it was); a checksum is the checkpoint's. */
#define SPIKE_SAVED_MAX 640
size_t spike_save(const struct spike *, unsigned char out[SPIKE_SAVED_MAX]);
NODISCARD bool spike_load(struct spike *, const unsigned char *bytes, size_t len);
size_t spike_silence_save(const struct spike_silence *, unsigned char out[SPIKE_SAVED_MAX]);
NODISCARD bool spike_silence_load(struct spike_silence *, const unsigned char *bytes, size_t len);
#define SPIKE_GROUP_SAVED_MAX 2048
size_t spike_group_save(const struct spike_group *, unsigned char out[SPIKE_GROUP_SAVED_MAX]);
NODISCARD bool spike_group_load(struct spike_group *, const unsigned char *bytes, size_t len);

#endif
