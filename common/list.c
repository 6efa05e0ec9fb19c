#include "common/list.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

enum { FEWEST = 8 };

void *list_grow(void *at, size_t *most, size_t size)
{
    *most = *most ? *most * 2 : FEWEST;
    at = reallocarray(at, *most, size);
    if (at == NULL)
        buf_no_memory();
    return at;
}

size_t list_close(void *at, size_t n, size_t from, size_t count, size_t size)
{
    char *bytes = at;

    if (count > 0)
        memmove(bytes + from * size, bytes + (from + count) * size, (n - from - count) * size);
    return n - count;
}

void *list_release(void *at)
{
    free(at);
    return NULL;
}
