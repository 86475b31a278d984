/* PNG output, by stb_image_write. */
#define STBIW_MALLOC(size) ct_heap_allocate(size)
#define STBIW_REALLOC(memory, size) ct_heap_resize(memory, size)
#define STBIW_FREE(memory) ct_heap_free(memory)

#include "internal.h"

#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_IMPLEMENTATION
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image_write.h>

#define LARGEST_SIDE 16384

ct_status ct_png_write(const char *path, int width, int height, int channels, const uint8_t *pixels, ct_error *error)
{
    if (path == NULL || pixels == NULL || (channels != 1 && channels != 3) || width < 1 || height < 1 || width > LARGEST_SIDE ||
        height > LARGEST_SIDE)
        return ct_error_set(error, CT_BAD_ARGUMENT, "png: %d × %d pixels of %d channels; sides are 1 … %d, channels 1 or 3", width,
                            height, channels, LARGEST_SIDE);
    int length = 0;
    uint8_t *bytes = stbi_write_png_to_mem(pixels, width * channels, width, height, channels, &length);
    if (bytes == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "png: out of memory for %s", path);
    ct_status status = ct_file_replace(path, 1, &(struct ct_piece){ bytes, (size_t)length }, error);
    ct_heap_free(bytes);
    return status;
}
