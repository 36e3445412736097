/*
 * C11 threads for ThreadSanitizer, which knows only pthreads: librdkafka makes its threads by thrd_create(), and a thread that it did
 * not see made crashes it; a mutex that it did not see locked orders nothing. glibc's mtx_t and cnd_t are its pthread types
 * underneath, so each call is the pthread one. In other builds this file is empty.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define UNDER_TSAN 1
#endif

#ifdef UNDER_TSAN
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

#define MUTEX(mtx) ((pthread_mutex_t *)(mtx))
#define COND(cnd)  ((pthread_cond_t *)(cnd))

struct start {
	thrd_start_t run;
	void *argument;
};

static int said(int code)
{
	switch (code) {
	case 0: return thrd_success;
	case EBUSY: return thrd_busy;
	case ETIMEDOUT: return thrd_timedout;
	case ENOMEM: return thrd_nomem;
	default: return thrd_error;
	}
}

static void *begin(void *context)
{
	struct start start = *(struct start *)context;
	free(context);
	return (void *)(intptr_t)start.run(start.argument);
}

int thrd_create(thrd_t *thread, thrd_start_t run, void *argument)
{
	struct start *start = malloc(sizeof *start);
	if (start == NULL)
		return thrd_nomem;
	*start = (struct start){run, argument};
	int code = pthread_create(thread, NULL, begin, start);
	if (code != 0)
		free(start);
	return said(code);
}

int thrd_join(thrd_t thread, int *result)
{
	void *value;
	int code = pthread_join(thread, &value);
	if (code == 0 && result != NULL)
		*result = (int)(intptr_t)value;
	return said(code);
}

int thrd_detach(thrd_t thread)
{
	return said(pthread_detach(thread));
}

int mtx_init(mtx_t *mutex, int type)
{
	pthread_mutexattr_t attributes;
	pthread_mutexattr_init(&attributes);
	if (type & mtx_recursive)
		pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	int code = pthread_mutex_init(MUTEX(mutex), &attributes);
	pthread_mutexattr_destroy(&attributes);
	return said(code);
}

void mtx_destroy(mtx_t *mutex)
{
	pthread_mutex_destroy(MUTEX(mutex));
}

int mtx_lock(mtx_t *mutex)
{
	return said(pthread_mutex_lock(MUTEX(mutex)));
}

int mtx_trylock(mtx_t *mutex)
{
	return said(pthread_mutex_trylock(MUTEX(mutex)));
}

int mtx_unlock(mtx_t *mutex)
{
	return said(pthread_mutex_unlock(MUTEX(mutex)));
}

int cnd_init(cnd_t *cond)
{
	return said(pthread_cond_init(COND(cond), NULL));
}

void cnd_destroy(cnd_t *cond)
{
	pthread_cond_destroy(COND(cond));
}

int cnd_signal(cnd_t *cond)
{
	return said(pthread_cond_signal(COND(cond)));
}

int cnd_broadcast(cnd_t *cond)
{
	return said(pthread_cond_broadcast(COND(cond)));
}

int cnd_wait(cnd_t *cond, mtx_t *mutex)
{
	return said(pthread_cond_wait(COND(cond), MUTEX(mutex)));
}

int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex, const struct timespec *restrict until)
{
	return said(pthread_cond_timedwait(COND(cond), MUTEX(mutex), until));
}
#endif
