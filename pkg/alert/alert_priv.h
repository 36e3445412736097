#ifndef ALERT_PRIV_H
#define ALERT_PRIV_H

#include "alert/alert.h"

/* What a kind's and ledger's figures are called in JSON. Only surveys have an NPS and detractors; what others have goes by other
 * names, as in the windows, so that nobody averages them by accident. */
struct alert_words {
	const char *all, *those;    /* alert_figures.responses, .detractors */
	const char *before, *now;   /* .nps_before, .nps_now */
};
const struct alert_words *alert_words(enum alert_kind, enum ledger);

/* Its children in all: `firing`, but no fewer than are listed. */
unsigned alert_firing(const struct alert_event *);

/* The valid UTF-8 character at text.at[i]: its bytes; 0: there is none. */
size_t alert_character(struct str text, size_t i);

#endif
