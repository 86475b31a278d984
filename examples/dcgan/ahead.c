/* The next batch, made by a thread of its own while a step works on this one. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "dcgan.h"

struct ahead {
    struct data *data;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool closing;
    bool ready; /* what follows is the caller's; else the thread's */
    ct_tensor *batch;
    ct_loader_position position;
    ct_error error; /* and status */
};

static void *run(void *argument)
{
    struct ahead *ahead = argument;
    pthread_mutex_lock(&ahead->mutex);
    for (;;) {
        while (ahead->ready && !ahead->closing)
            pthread_cond_wait(&ahead->changed, &ahead->mutex);
        if (ahead->closing)
            break;
        pthread_mutex_unlock(&ahead->mutex);
        ahead->error.status = data_next(ahead->data, ahead->batch, &ahead->error);
        ahead->position = data_tell(ahead->data);
        pthread_mutex_lock(&ahead->mutex);
        ahead->ready = true;
        pthread_cond_signal(&ahead->changed);
    }
    pthread_mutex_unlock(&ahead->mutex);
    return NULL;
}

/* Signals are for the thread that trains. */
static int start(struct ahead *ahead)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&ahead->thread, NULL, run, ahead);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

struct ahead *ahead_open(struct data *data, const ct_tensor *like, ct_error *error)
{
    struct ahead *ahead = calloc(1, sizeof *ahead);
    ct_tensor *batch = ahead != NULL ? ct_tensor_zeros(ct_tensor_dtype(like), ct_tensor_shape(like)) : NULL;
    if (batch == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "out of memory for a second batch");
        free(ahead);
        return NULL;
    }
    *ahead = (struct ahead){ .data = data, .batch = batch };
    pthread_mutex_init(&ahead->mutex, NULL);
    pthread_cond_init(&ahead->changed, NULL);
    int failure = start(ahead);
    if (failure == 0)
        return ahead;
    ct_error_set(error, CT_NO_MEMORY, "cannot start a thread: %s", strerror(failure));
    ct_tensor_release(batch);
    free(ahead);
    return NULL;
}

void ahead_close(struct ahead *ahead)
{
    if (ahead == NULL)
        return;
    pthread_mutex_lock(&ahead->mutex);
    ahead->closing = true;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->mutex);
    pthread_join(ahead->thread, NULL);
    pthread_cond_destroy(&ahead->changed);
    pthread_mutex_destroy(&ahead->mutex);
    ct_tensor_release(ahead->batch);
    free(ahead);
}

ct_status ahead_next(struct ahead *ahead, ct_tensor *batch, ct_loader_position *position, ct_error *error)
{
    pthread_mutex_lock(&ahead->mutex);
    while (!ahead->ready)
        pthread_cond_wait(&ahead->changed, &ahead->mutex);
    ct_status status = ahead->error.status;
    if (status != CT_OK)
        ct_error_set(error, status, "%s", ahead->error.message);
    else if ((status = ct_tensor_swap(ahead->batch, batch)) != CT_OK)
        ct_error_set(error, status, "the batch is not like those made ahead");
    if (status == CT_OK) {
        *position = ahead->position;
        ahead->ready = false;
        pthread_cond_signal(&ahead->changed);
    }
    pthread_mutex_unlock(&ahead->mutex);
    return status;
}
