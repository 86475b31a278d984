/* TensorBoard event files: scalars and images over the steps of a run. */
#ifndef COTANGENT_EVENTS_H
#define COTANGENT_EVENTS_H

#include <cotangent/tensor.h>

typedef struct ct_events ct_events;

/* A new file events.out.tfevents.<time>.<host>.<pid>.<n> in a folder that exists. TensorBoard then leaves out what older files of
 * the folder hold from first_step on: a resumed run gives the step it goes on from. Records are written as they come, and a
 * record that cannot be written whole is taken back. The caller's, for ct_events_close; NULL on failure. */
CT_API ct_events *ct_events_open(const char *folder, int64_t first_step, ct_error *error);

/* CT_BAD_ARGUMENT, CT_IO_ERROR or CT_NO_MEMORY; a record after a failed one is tried anew. value is stored as float32. pixels as
 * for ct_png_write. */
CT_API ct_status ct_events_scalar(ct_events *events, const char *tag, int64_t step, double value, ct_error *error);
CT_API ct_status ct_events_image(ct_events *events, const char *tag, int64_t step, int width, int height, int channels,
                                 const uint8_t *pixels, ct_error *error);

/* Syncs, closes and frees; NULL is allowed. CT_IO_ERROR if what was written may not be on the disk. */
CT_API ct_status ct_events_close(ct_events *events, ct_error *error);

#endif
