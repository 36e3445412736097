/*
 * What an event does to what is known of its response. Pure, and inline: this is the hot path, and through memory it costs
 * twice.
 */
#ifndef RESPONSE_RULES_H
#define RESPONSE_RULES_H

#include "feedback/feedback.h"
#include "response/response_priv.h"

/* A score is kept across ledgers only where it means the same. */
static inline unsigned rules_scale(unsigned ledger)
{
	return ledger == LEDGER_RELATIONSHIP ? LEDGER_SURVEY : ledger;
}

static inline bool rules_same_fact(const struct response_fact *a, const struct response_fact *b)
{
	return ((a->touchpoint ^ b->touchpoint) | (a->second ^ b->second) | (unsigned)(a->ledger ^ b->ledger) |
		(unsigned)(a->bin ^ b->bin)) == 0;
}

/* NO_VERSION is the lowest number, so versions compare as they are. */
static inline int64_t rules_version(int64_t updated_ms, int64_t known)
{
	if (updated_ms == RESPONSE_NO_VERSION)
		return known;
	return updated_ms < 0 ? 0 : updated_ms > RESPONSE_VERSION_MAX ? RESPONSE_VERSION_MAX : updated_ms;
}

/* A for-good tomb lets nothing through. A tomb without a version is always for good. */
static inline bool rules_buried(const struct response_entry *known, bool versioned, int64_t version)
{
	if (!(known->flags & RESPONSE_TOMB))
		return false;
	return known->flags & RESPONSE_TOMB_FOR_GOOD || !versioned || version <= known->updated_ms;
}

static inline enum response_outcome rules_delete(const struct response_entry *old, bool versioned, struct response_entry *next)
{
	bool tomb = old->flags & RESPONSE_TOMB;
	next->fact = (struct response_fact){.bin = BIN_NONE};
	next->content = 0;
	next->flags = (uint8_t)(RESPONSE_TOMB | (versioned ? 0 : RESPONSE_TOMB_FOR_GOOD) | (tomb ? old->flags : 0));
	return tomb ? RESPONSE_DUPLICATE : RESPONSE_DELETED;
}

static inline enum response_outcome rules_upsert(const struct response_entry *old, bool known, const struct response_event *event,
						 struct response_entry *next)
{
	next->fact = event->fact;
	next->content = event->content;
	next->flags = 0;
	if (!known)
		return RESPONSE_NEW;
	if (next->fact.bin < 0 && rules_scale(old->fact.ledger) == rules_scale(next->fact.ledger))
		next->fact.bin = old->fact.bin;
	if (old->flags & RESPONSE_TOMB || next->content != old->content || !rules_same_fact(&next->fact, &old->fact))
		return RESPONSE_EDITED;
	return RESPONSE_DUPLICATE;
}

/* old: what is known; if nothing is: no version, no bin, no flags. *next is what will be known. A DUPLICATE may still raise
 * the version (what lies between the two is older than this one) or make a tomb one for good. */
static inline enum response_outcome rules_decide(const struct response_entry *old, bool known, uint32_t now_s,
						 const struct response_event *event, struct response_entry *next)
{
	bool versioned = event->updated_ms != RESPONSE_NO_VERSION;
	next->key = event->key;
	next->updated_ms = rules_version(event->updated_ms, old->updated_ms);
	next->seen = now_s;
	if (next->updated_ms < old->updated_ms)
		return RESPONSE_SUPERSEDED;
	if (event->deletion)
		return rules_delete(old, versioned, next);
	if (rules_buried(old, versioned, next->updated_ms))
		return RESPONSE_SUPERSEDED;
	return rules_upsert(old, known, event, next);
}

#endif
