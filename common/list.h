/*
 * Lists of items of one type, which grow at their end: `struct id_list LIST(struct id);` declares
 * such a type. A zeroed one is empty. Items are `at[0]` to `at[n - 1]`; they move when one is
 * added.
 */
#ifndef COMMON_LIST_H
#define COMMON_LIST_H

#include <stddef.h>

#define LIST(type)                                                  \
    {                                                               \
        type *at;    /* owned; NULL while nothing was ever added */ \
        size_t n;    /* items */                                    \
        size_t most; /* items that there is room for */             \
    }

/* Add a copy of an item. Ends the program if there is no memory. */
#define list_add(list, item)                                                             \
    ((void)((list)->n < (list)->most                                                     \
            || ((list)->at = list_grow((list)->at, &(list)->most, sizeof *(list)->at))), \
        (list)->at[(list)->n++] = (item))

/* Drop the `count` items from `from` on; those behind them move up. */
#define list_drop(list, from, count) \
    ((list)->n = list_close((list)->at, (list)->n, from, count, sizeof *(list)->at))

/* Release it; it is empty then. */
#define list_free(list) ((list)->at = list_release((list)->at), (list)->n = (list)->most = 0)

/* What the macros do. */
void *list_grow(void *at, size_t *most, size_t size) __attribute__((returns_nonnull));
size_t list_close(void *at, size_t n, size_t from, size_t count, size_t size);
void *list_release(void *at);

#endif
