/* Batches in an order that is a function of (seed, epoch) alone. Workers fill a ring of slots, each the next place of the
 * order; the caller empties it in the same order. */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "pixels.h"

enum { MOST_SLOTS = 256, MOST_THREADS = 64 };

struct slot {
    bool done;
    ct_status status;
    ct_error why;
    uint32_t epoch;
    int64_t place, index; /* in the epoch's order; of the image there */
    float *values;
};

struct ct_loader {
    const ct_source *source;
    ct_loader_options options;
    int64_t count, image; /* images; floats an image */

    pthread_mutex_t mutex; /* guards what follows, but the values of slots that are taken or done */
    pthread_cond_t work, news;
    bool closing, paused;
    int busy; /* slots that a worker fills */
    uint64_t head, tail; /* slots [head, tail) of the ring, modulo slots, are taken or done */
    int64_t slots;
    struct slot *slot;
    float *values;
    ct_loader_position ahead; /* what the next free slot gets */
    int64_t *order;           /* of epoch ahead.epoch */

    int threads;
    pthread_t thread[MOST_THREADS];

    /* The caller's own. */
    ct_loader_position position;
    int64_t skipped;
    bool lost; /* the ring no longer stands at `position` */
};

/* ---- the order ---- */

static void draw_order(ct_loader *loader)
{
    ct_random random = { .seed = loader->options.seed, .stream = loader->options.stream, .epoch = loader->ahead.epoch };
    if (loader->options.in_order)
        for (int64_t i = 0; i < loader->count; i++)
            loader->order[i] = i;
    else
        ct_permutation(loader->order, loader->count, &random);
}

static ct_loader_position after(const ct_loader *loader, uint32_t epoch, int64_t place)
{
    return place + 1 == loader->count ? (ct_loader_position){ epoch + 1, 0 } : (ct_loader_position){ epoch, place + 1 };
}

/* ---- workers ---- */

static void mirror(float *values, ct_shape shape)
{
    int64_t size = shape.extent[2];
    for (int64_t row = 0; row < shape.extent[0] * shape.extent[1]; row++, values += size)
        for (int64_t left = 0, right = size - 1; left < right; left++, right--) {
            float other = values[left];
            values[left] = values[right];
            values[right] = other;
        }
}

static bool flipped(const ct_loader *loader, const struct slot *slot)
{
    uint64_t seed = loader->options.seed;
    uint32_t word[4];
    ct_philox((uint32_t[]){ (uint32_t)slot->index, 1, loader->options.stream, slot->epoch },
              (uint32_t[]){ (uint32_t)seed, (uint32_t)(seed >> 32) }, word);
    return word[0] & 1;
}

static void fill(const ct_loader *loader, struct slot *slot)
{
    slot->status = ct_source_read(loader->source, slot->index, slot->values, &slot->why);
    if (slot->status == CT_OK && loader->options.flip && flipped(loader, slot))
        mirror(slot->values, ct_source_shape(loader->source));
}

static void *run(void *argument)
{
    ct_loader *loader = argument;
    pthread_mutex_lock(&loader->mutex);
    for (;;) {
        while (!loader->closing && (loader->paused || loader->tail - loader->head == (uint64_t)loader->slots))
            pthread_cond_wait(&loader->work, &loader->mutex);
        if (loader->closing)
            break;
        struct slot *slot = &loader->slot[loader->tail++ % (uint64_t)loader->slots];
        slot->done = false;
        slot->epoch = loader->ahead.epoch, slot->place = loader->ahead.index, slot->index = loader->order[slot->place];
        loader->ahead = after(loader, slot->epoch, slot->place);
        if (loader->ahead.index == 0)
            draw_order(loader);
        loader->busy++;
        pthread_mutex_unlock(&loader->mutex);
        fill(loader, slot);
        pthread_mutex_lock(&loader->mutex);
        loader->busy--;
        slot->done = true;
        pthread_cond_signal(&loader->news);
    }
    pthread_mutex_unlock(&loader->mutex);
    return NULL;
}

/* Signals are for the program's own threads. */
static ct_status start(ct_loader *loader, ct_error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int wanted = loader->options.threads, failure = 0;
    while (loader->threads < wanted && failure == 0) {
        failure = pthread_create(&loader->thread[loader->threads], NULL, run, loader);
        loader->threads += failure == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (loader->threads == 0)
        return ct_error_set(error, CT_NO_MEMORY, "loader: cannot start a thread: %s", strerror(failure));
    return CT_OK;
}

/* ---- the caller's side ---- */

ct_loader *ct_loader_new(const ct_source *source, const ct_loader_options *options, ct_error *error)
{
    if (source == NULL || options == NULL || options->batch < 1 || options->threads < 0 || options->threads > MOST_THREADS) {
        ct_error_set(error, CT_BAD_ARGUMENT, "loader: needs a source, a batch ≥ 1 and at most %d threads", MOST_THREADS);
        return NULL;
    }
    int64_t count = ct_source_count(source);
    if (options->drop_last && options->batch > count) {
        ct_error_set(error, CT_BAD_ARGUMENT, "loader: a batch of %lld of %lld images; drop_last would drop everything",
                     (long long)options->batch, (long long)count);
        return NULL;
    }
    ct_shape shape = ct_source_shape(source);
    ct_loader *loader = ct_allocate_zeroed(sizeof *loader);
    if (loader == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "loader: out of memory");
        return NULL;
    }
    *loader = (ct_loader){ .source = source, .options = *options, .count = count, .image = ct_shape_count(shape) };
    if (options->threads == 0)
        loader->options.threads = 2;
    loader->slots = options->batch < MOST_SLOTS / 2 ? 2 * options->batch : MOST_SLOTS;
    pthread_mutex_init(&loader->mutex, NULL);
    pthread_cond_init(&loader->work, NULL);
    pthread_cond_init(&loader->news, NULL);

    loader->slot = ct_allocate_zeroed((size_t)loader->slots * sizeof *loader->slot);
    loader->values = ct_allocate_array((size_t)loader->slots, (size_t)loader->image * sizeof(float)); /* sides of up to 4,096 */
    loader->order = ct_allocate_array((size_t)count, sizeof *loader->order);
    ct_status status = CT_OK;
    if (loader->slot == NULL || loader->values == NULL || loader->order == NULL) {
        status = ct_error_set(error, CT_NO_MEMORY, "loader: out of memory for %lld images", (long long)count);
    } else {
        for (int64_t i = 0; i < loader->slots; i++)
            loader->slot[i].values = loader->values + i * loader->image;
        draw_order(loader);
        status = start(loader, error);
    }
    if (status == CT_OK)
        return loader;
    ct_loader_free(loader);
    return NULL;
}

void ct_loader_free(ct_loader *loader)
{
    if (loader == NULL)
        return;
    pthread_mutex_lock(&loader->mutex);
    loader->closing = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    for (int i = 0; i < loader->threads; i++)
        pthread_join(loader->thread[i], NULL);
    pthread_cond_destroy(&loader->news);
    pthread_cond_destroy(&loader->work);
    pthread_mutex_destroy(&loader->mutex);
    ct_release(loader->order, (size_t)loader->count * sizeof *loader->order);
    ct_release(loader->values, (size_t)(loader->slots * loader->image) * sizeof(float));
    ct_release(loader->slot, (size_t)loader->slots * sizeof *loader->slot);
    ct_release(loader, sizeof *loader);
}

ct_loader_position ct_loader_tell(const ct_loader *loader) { return loader->position; }

int64_t ct_loader_skipped(const ct_loader *loader) { return loader->skipped; }

ct_status ct_loader_seek(ct_loader *loader, ct_loader_position position, ct_error *error)
{
    if (loader == NULL || position.index < 0 || position.index > loader->count)
        return ct_error_set(error, CT_BAD_ARGUMENT, "loader: image %lld of an epoch of %lld", (long long)position.index,
                            loader == NULL ? 0 : (long long)loader->count);
    if (position.index == loader->count)
        position = (ct_loader_position){ position.epoch + 1, 0 };
    pthread_mutex_lock(&loader->mutex);
    loader->paused = true;
    while (loader->busy > 0)
        pthread_cond_wait(&loader->news, &loader->mutex);
    loader->head = loader->tail = 0;
    loader->ahead = loader->position = position;
    draw_order(loader);
    loader->lost = loader->paused = false;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    return CT_OK;
}

/* The first slot of the ring, once it is done. It stays the caller's until it is given back. */
static struct slot *take(ct_loader *loader)
{
    pthread_mutex_lock(&loader->mutex);
    struct slot *slot = &loader->slot[loader->head % (uint64_t)loader->slots];
    while (loader->tail == loader->head || !slot->done)
        pthread_cond_wait(&loader->news, &loader->mutex);
    pthread_mutex_unlock(&loader->mutex);
    return slot;
}

static void give(ct_loader *loader)
{
    pthread_mutex_lock(&loader->mutex);
    loader->head++;
    pthread_cond_signal(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
}

static void skip(ct_loader *loader, const struct slot *slot)
{
    char name[4096];
    loader->skipped++;
    if (loader->options.skipped != NULL)
        loader->options.skipped(loader->options.context, ct_source_name(loader->source, slot->index, name, sizeof name), &slot->why);
}

/* Fills `to`, with *got images. */
static ct_status gather(ct_loader *loader, float *to, int64_t *got, ct_error *error)
{
    int64_t filled = 0, batch = loader->options.batch, epochs = 0;
    while (filled < batch) {
        struct slot *slot = take(loader);
        if (slot->status != CT_OK && slot->status != CT_BAD_FORMAT && slot->status != CT_IO_ERROR)
            return ct_error_set(error, slot->status, "%s", slot->why.message);
        if (slot->status == CT_OK)
            memcpy(to + filled++ * loader->image, slot->values, (size_t)loader->image * sizeof *to);
        else
            skip(loader, slot);
        loader->position = after(loader, slot->epoch, slot->place);
        give(loader);
        if (loader->position.index > 0 || filled == batch)
            continue;
        if (filled > 0 && !loader->options.drop_last)
            break;
        filled = 0; /* of a batch that the epoch's end cut short */
        if (++epochs == 2)
            return ct_error_set(error, CT_BAD_FORMAT, "loader: of %lld images fewer than the %lld of a batch can be read",
                                (long long)loader->count, (long long)batch);
    }
    *got = filled;
    return CT_OK;
}

/* As if the last batch had not been asked for. */
static void step_back(ct_loader *loader, ct_loader_position before)
{
    loader->position = before;
    loader->lost = true;
}

static ct_status advance(ct_loader *loader, float *to, int64_t *got, ct_error *error)
{
    if (loader->lost)
        ct_loader_seek(loader, loader->position, NULL);
    ct_loader_position before = loader->position;
    ct_status status = gather(loader, to, got, error);
    if (status != CT_OK)
        step_back(loader, before);
    return status;
}

ct_tensor *ct_loader_next(ct_loader *loader, ct_error *error)
{
    if (loader == NULL) {
        ct_error_set(error, CT_BAD_ARGUMENT, "loader: NULL");
        return NULL;
    }
    ct_shape shape = ct_source_shape(loader->source);
    ct_shape whole = CT_SHAPE(loader->options.batch, shape.extent[0], shape.extent[1], shape.extent[2]);
    if (loader->options.batch > loader->count)
        whole.extent[0] = loader->count;
    ct_tensor *batch = ct_tensor_empty(CT_F32, whole), *part;
    if (batch == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "loader: out of memory for a batch of %lld", (long long)loader->options.batch);
        return NULL;
    }
    ct_loader_position before = loader->position;
    int64_t filled = 0;
    if (advance(loader, ct_tensor_data_mutable(batch), &filled, error) == CT_OK && filled == whole.extent[0])
        return batch;
    whole.extent[0] = filled;
    part = filled > 0 ? ct_tensor_from(CT_F32, whole, ct_tensor_data(batch)) : NULL;
    if (filled > 0 && part == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "loader: out of memory for a batch of %lld", (long long)filled);
        step_back(loader, before);
    }
    ct_tensor_release(batch);
    return part;
}

ct_status ct_loader_fill(ct_loader *loader, ct_tensor *batch, ct_error *error)
{
    if (loader == NULL || batch == NULL || !loader->options.drop_last)
        return ct_error_set(error, CT_BAD_ARGUMENT, "loader: filling needs a batch and a loader with drop_last");
    ct_shape image = ct_source_shape(loader->source), shape = ct_tensor_shape(batch);
    int64_t got;
    if (ct_tensor_dtype(batch) != CT_F32 ||
        !ct_shape_equal(shape, CT_SHAPE(loader->options.batch, image.extent[0], image.extent[1], image.extent[2]))) {
        char text[128];
        return ct_error_set(error, CT_BAD_SHAPE, "loader: the batch to fill is %s %s; it needs %lld float32 images of (%lld, %lld, %lld)",
                            ct_dtype_name(ct_tensor_dtype(batch)), ct_shape_text(shape, text, sizeof text), (long long)loader->options.batch,
                            (long long)image.extent[0], (long long)image.extent[1], (long long)image.extent[2]);
    }
    return advance(loader, ct_tensor_data_mutable(batch), &got, error);
}
