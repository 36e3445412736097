#include <stdlib.h>
#include <string.h>

#include "intake/intake_priv.h"

enum { LETTERS_MAX = INTAKE_LETTERS_MAX, LETTER_BYTES_MAX = 32 << 20, LETTER_BYTES_MIN = 65536 };

struct letter {
	uint64_t tag;
	enum feedback_reason reason;
	size_t at, len;
	bool absent; /* it had no bytes at all, which is not the same as none */
};

void letters_open(struct letters *letters)
{
	letters->list = must_array(LETTERS_MAX, sizeof *letters->list);
}

void letters_close(struct letters *letters)
{
	free(letters->list);
	free(letters->bytes);
}

bool letters_room(const struct letters *letters, unsigned records)
{
	return letters->count + records <= LETTERS_MAX && letters->used < LETTER_BYTES_MAX;
}

void letters_add(struct letters *letters, const struct intake_record *record, enum feedback_reason reason)
{
	size_t need = letters->used + record->bytes.len;
	if (need > letters->size ||
	    letters->bytes == NULL) { /* grows to the most that one commit ever held, and stays */
		letters->size = need * 2 > LETTER_BYTES_MIN ? need * 2 : LETTER_BYTES_MIN;
		letters->bytes = realloc(letters->bytes, letters->size);
		must(letters->bytes != NULL);
	}
	if (record->bytes.len > 0)
		memcpy(letters->bytes + letters->used, record->bytes.at, record->bytes.len);
	letters->list[letters->count++] = (struct letter){record->tag, reason, letters->used,
							  record->bytes.len, record->bytes.at == NULL};
	letters->used = need;
}

struct intake_letter letters_at(const struct letters *letters, unsigned i)
{
	must(i < letters->count);
	const struct letter *l = &letters->list[i];
	return (struct intake_letter){l->tag, l->reason, {l->absent ? NULL : letters->bytes + l->at, l->len}};
}

void letters_clear(struct letters *letters)
{
	letters->count = 0;
	letters->used = 0;
}
