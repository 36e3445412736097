#include "feedback/feedback_priv.h"

#include "feedback/kernel_priv.h"

static inline const char *skip_digits(const char *p)
{
	unsigned run;
	do
		p += run = digits_run(p);
	while (run == 16);
	return p;
}

const char *scan_number(const char *p, enum token *token)
{
	*token = TOKEN_WHOLE;
	p += *p == '-';
	const char *first = p;
	p = skip_digits(p);
	if (unlikely(p == first || (*first == '0' && p != first + 1)))
		return NULL;
	if (likely(*p != '.' && (*p | 0x20) != 'e'))
		return p;
	*token = TOKEN_NUMBER;
	if (*p == '.') {
		if (!is_digit(*++p))
			return NULL;
		p = skip_digits(p);
	}
	if ((*p | 0x20) == 'e') {
		p++;
		p += *p == '+' || *p == '-';
		if (!is_digit(*p))
			return NULL;
		p = skip_digits(p);
	}
	return p;
}
