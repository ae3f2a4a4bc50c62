/*
 * The status page: one HTML document that has all it needs in itself, and asks for status.json, beside it,
 * again and again. Its sources are in src/process/page/; page_made.c is made of them when dotward is built.
 */
#ifndef DOTWARD_PROCESS_PAGE_H
#define DOTWARD_PROCESS_PAGE_H

#include <stddef.h>

/* text/html; charset=utf-8. Lasts for ever. */
const void *page_text(size_t *bytes) __attribute__((returns_nonnull));
/* The Content-Security-Policy to send with it: by it the page's own style and script, told by their hashes,
 * are all that a browser takes from it, and it talks to nobody but who sent it. */
extern const char page_policy[];

#endif
