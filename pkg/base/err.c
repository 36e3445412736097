#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void err_set(struct err *err, const char *format, ...)
{
	if (err->set)
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(err->text, sizeof err->text, format, args);
	va_end(args);
	err->set = true;
}

void err_add(struct err *err, const char *format, ...)
{
	size_t used = err->set ? strlen(err->text) : 0;
	if (err->set)
		used += (size_t)snprintf(err->text + used, sizeof err->text - used, "; ");
	err->set = true;
	if (used >= sizeof err->text)
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(err->text + used, sizeof err->text - used, format, args);
	va_end(args);
}

void err_prefix(struct err *err, const char *format, ...)
{
	if (!err->set)
		return;
	char old[sizeof err->text];
	memcpy(old, err->text, sizeof old);
	va_list args;
	va_start(args, format);
	int n = vsnprintf(err->text, sizeof err->text, format, args);
	va_end(args);
	if (n >= 0 && (size_t)n < sizeof err->text)
		snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", old);
}

void err_clear(struct err *err)
{
	err->set = err->lasting = false;
	err->text[0] = '\0';
}
