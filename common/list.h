/*
 * Lists that grow at their end: `struct id_list LIST(struct id);` declares one for a type of item.
 * A zeroed list is empty. The items are `at[0]` to `at[n - 1]`. Adding an item may move the others.
 */
#ifndef COMMON_LIST_H
#define COMMON_LIST_H

#include <stddef.h>

#define LIST(type)                                              \
    {                                                           \
        type *at;    /* owned; NULL until something is added */ \
        size_t n;    /* items */                                \
        size_t most; /* items that there is room for */         \
    }

/* The size of an item, which may well be a pointer. */
#define LIST_ITEM(list) sizeof(*(list)->at) /* NOLINT(bugprone-sizeof-expression) */

/* Add a copy of an item. Exits if there is no memory. */
#define list_add(list, item)                                                          \
    ((void)((list)->n < (list)->most                                                  \
            || ((list)->at = list_grow((list)->at, &(list)->most, LIST_ITEM(list)))), \
        (list)->at[(list)->n++] = (item))

/* Remove `count` items, beginning with `at[from]`. */
#define list_drop(list, from, count) \
    ((list)->n = list_close((list)->at, (list)->n, from, count, LIST_ITEM(list)))

/* Release the items. The list is empty then. */
#define list_free(list) ((list)->at = list_release((list)->at), (list)->n = (list)->most = 0)

/* Private to the macros. */
void *list_grow(void *at, size_t *most, size_t size) __attribute__((returns_nonnull));
size_t list_close(void *at, size_t n, size_t from, size_t count, size_t size);
void *list_release(void *at);

#endif
