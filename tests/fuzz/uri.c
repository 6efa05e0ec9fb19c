/*
 * A URI is refused in words that depend on its form alone, never on the secret in it, or each field
 * is well formed, says the same when it is written again, and the password can be hidden.
 */
#include <ctype.h>
#include <limits.h>

#include "common/uri.h"
#include "tests/fuzz/fuzz.h"

/* Append `:`, `@` and the like as they are, and a field with all but letters and digits encoded. */
static void add(struct buf *to, const char *mark, const char *field)
{
    buf_add_text(to, mark);
    for (; field && *field; field++)
        if (isalnum((unsigned char)*field))
            buf_add(to, field, 1);
        else
            buf_printf(to, "%%%02x", (unsigned char)*field);
}

static void write_again(struct buf *to, const struct uri *uri)
{
    buf_add_text(to, uri->socket ? "unix" : uri->tls ? "rediss" : "redis");
    buf_add_text(to, uri->sentinels ? "+sentinel://" : "://");
    if (uri->password) {
        add(to, "", uri->user);
        add(to, ":", uri->password);
        buf_add_text(to, "@");
    }
    if (uri->socket) {
        add(to, "/", uri->socket + 1);
        if (uri->db >= 0)
            buf_printf(to, "?db=%d", uri->db);
    } else if (uri->sentinels) {
        buf_add_text(to, uri->sentinels);
        add(to, "/", uri->master);
        if (uri->db >= 0)
            buf_printf(to, "/%d", uri->db);
    } else {
        add(to, "", uri->host);
        if (uri->port > 0)
            buf_printf(to, ":%d", uri->port);
        if (uri->db >= 0)
            buf_printf(to, "/%d", uri->db);
    }
    buf_add(to, "", 1);
}

static int same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_fields(const struct uri *uri)
{
    struct buf again = {0};
    struct uri second;
    struct err e;

    PROPERTY(uri->host == NULL || uri->socket == NULL);
    PROPERTY(uri->host == NULL || *uri->host);
    PROPERTY((uri->sentinels == NULL) == (uri->master == NULL));
    PROPERTY(uri->sentinels == NULL || (*uri->sentinels && *uri->master && !uri->host));
    PROPERTY(uri->socket == NULL || (uri->socket[0] == '/' && uri->socket[1]));
    PROPERTY(uri->user == NULL || (*uri->user && uri->password));
    PROPERTY(uri->port >= 0 && uri->port <= 65535 && uri->db >= -1);
    write_again(&again, uri);
    PROPERTY(uri_parse(again.data, &second, &e) == 0);
    PROPERTY(same_text(uri->host, second.host) && same_text(uri->socket, second.socket));
    PROPERTY(same_text(uri->user, second.user) && same_text(uri->password, second.password));
    PROPERTY(same_text(uri->sentinels, second.sentinels) && same_text(uri->master, second.master));
    PROPERTY(uri->tls == second.tls && uri->port == second.port && uri->db == second.db);
    uri_free(&second);
    buf_free(&again);
}

/* In a URI that was parsed: where its password stands, by RFC 3986 and not by searching for it. */
static void check_hidden(const char *text, char *hidden, const struct uri *uri)
{
    const char *login = strstr(text, "://") + 3, *end = login + strcspn(login, "/"), *password;

    uri_hide_password(hidden);
    PROPERTY(strlen(hidden) == strlen(text));
    while (end > login && *end != '@')
        end--;
    password = memchr(login, ':', (size_t)(end - login));
    password = password ? password + 1 : login;
    PROPERTY(*end == '@' ? uri->password != NULL : uri->password == NULL);
    for (const char *at = password; *end == '@' && at < end; at++)
        PROPERTY(hidden[at - text] == '*');
}

/* Another secret of the same form: other letters, but for those of %00 and ?db=. */
static void change_secret(char *text)
{
    static const char from[] = "acefghijklmnopqrstuvwxyzACEFGHIJKLMNOPQRSTUVWXYZ";
    static const char into[] = "cefahijklmnopqrstuvwxyzgCEFAHIJKLMNOPQRSTUVWXYZG";
    char *at = strstr(text, "://"), *end = at ? strrchr(at, '@') : NULL;

    for (; at && at < end; at++)
        if (strchr(from, *at))
            *at = into[strchr(from, *at) - from];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {(const char *)data, size};
    struct buf text = fuzz_field(&in, 0), copy = {0};
    struct uri uri, second;
    struct err e = {0}, other = {0};

    buf_add(&copy, text.data, text.len + 1);
    if (uri_parse(text.data, &uri, &e) == 0) {
        check_fields(&uri);
        check_hidden(text.data, copy.data, &uri);
    } else {
        change_secret(copy.data);
        PROPERTY(e.code == EXIT_USAGE && strlen(e.text) < sizeof e.text - 1);
        PROPERTY(uri_parse(copy.data, &second, &other) < 0);
        PROPERTY(strcmp(e.text, other.text) == 0);
        uri_free(&second);
    }
    uri_free(&uri);
    buf_free(&copy);
    buf_free(&text);
    return 0;
}
