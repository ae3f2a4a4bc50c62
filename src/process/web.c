/*
 * One table of paths. Whether somebody may look is decided before it is looked what there is, so that a
 * stranger learns nothing; health is told to everybody who may connect at all, as those who ask for it have
 * no place for a password.
 */
#include "process/web.h"

#include "base/clock.h"
#include "base/json.h"
#include "process/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char plain[] = "text/plain; charset=utf-8",
                  strict_policy[] = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";

/* --- secrets */

static void
encode(const char *text, size_t count, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < count; i += 3) {
		unsigned left = (unsigned)(count - i), word = (unsigned)(unsigned char)text[i] << 16;
		word |= left > 1 ? (unsigned)(unsigned char)text[i + 1] << 8 : 0;
		word |= left > 2 ? (unsigned)(unsigned char)text[i + 2] : 0;
		*out++ = digits[word >> 18];
		*out++ = digits[word >> 12 & 63];
		*out++ = left > 1 ? digits[word >> 6 & 63] : '=';
		*out++ = left > 2 ? digits[word & 63] : '=';
	}
	*out = '\0';
}

static bool
read_secret(const char *path, char secret[CREDENTIALS_BYTES], const char *key, char *why, size_t room)
{
	char reason[CREDENTIALS_WHY_BYTES];
	bool exposed;
	if (credentials_read(path, secret, &exposed, reason))
		return true;
	snprintf(why, room, "%s: %s", key, reason);
	return false;
}

bool
web_secrets_read(
        struct web_secrets *out, const struct config_metrics *config, char why[CREDENTIALS_WHY_BYTES + 64])
{
	char secret[CREDENTIALS_BYTES], pair[CREDENTIALS_BYTES + 72];
	bool well = true;
	*out = (struct web_secrets){.basic = ""};
	if (*config->password_file != '\0') {
		well = read_secret(config->password_file, secret, "metrics.password_file", why,
		        CREDENTIALS_WHY_BYTES + 64);
		snprintf(pair, sizeof pair, "%s:%s", config->user, secret);
		if (well)
			encode(pair, strlen(pair), out->basic);
	}
	if (well && *config->token_file != '\0') {
		well = read_secret(
		        config->token_file, secret, "metrics.token_file", why, CREDENTIALS_WHY_BYTES + 64);
		if (well)
			snprintf(out->bearer, sizeof out->bearer, "%s", secret);
	}
	explicit_bzero(secret, sizeof secret);
	explicit_bzero(pair, sizeof pair);
	return well;
}

/* Takes as long for what is nearly right as for what is not; a length is no secret. */
static bool
is_same(const char *said, const char *good)
{
	size_t length = strlen(said), wanted = strlen(good);
	unsigned char difference = length != wanted;
	for (size_t i = 0; i < length; i++)
		difference |= (unsigned char)(said[i] ^ good[wanted > 0 ? i % wanted : 0]);
	return difference == 0 && wanted > 0;
}

static bool
has_scheme(const char *header, const char *scheme, const char **rest)
{
	size_t length = strlen(scheme);
	if (strncasecmp(header, scheme, length) != 0 || header[length] != ' ')
		return false;
	*rest = header + length + strspn(header + length, " ");
	return true;
}

static bool
may_look(const struct web_request *request, const struct web_secrets *secrets)
{
	const char *said;
	if (request->trusted || secrets == NULL || (*secrets->basic == '\0' && *secrets->bearer == '\0'))
		return true;
	if (request->authorization == NULL)
		return false;
	if (has_scheme(request->authorization, "Basic", &said))
		return is_same(said, secrets->basic);
	return has_scheme(request->authorization, "Bearer", &said) && is_same(said, secrets->bearer);
}

/* --- what there is */

static void
say(struct web_reply *out, unsigned status, const char *text)
{
	out->status = status;
	out->type = plain;
	out->body = text;
	out->bytes = strlen(text);
}

static void
say_made(struct web_reply *out, unsigned status, const char *text)
{
	if (asprintf(&out->made, "%s\n", text) < 0)
		out->made = NULL;
	say(out, status, out->made != NULL ? out->made : "out of memory\n");
}

static void
show_health(struct web_reply *out, const struct overview *o)
{
	if (o->live)
		say(out, 200, "ok\n");
	else
		say_made(out, 503, o->why[0] != '\0' ? o->why : "no worker serves");
}

static void
show_readiness(struct web_reply *out, const struct overview *o)
{
	if (o->ready)
		say(out, 200, "ready\n");
	else
		say_made(out, 503, o->why);
}

/* A body that is printed. */
static void
show_printed(struct web_reply *out, const struct overview *o, const char *type,
        void (*print)(const struct overview *o, FILE *file))
{
	FILE *file = open_memstream(&out->made, &out->bytes);
	if (file != NULL)
		print(o, file);
	if (file == NULL || fclose(file) != 0) {
		free(out->made);
		out->made = NULL;
		say(out, 500, "out of memory\n");
		return;
	}
	out->status = 200;
	out->type = type;
	out->body = out->made;
}

static void
print_json(const struct overview *o, FILE *file)
{
	struct json j = {.out = file};
	overview_json(o, &j, NULL);
}

static void
show_status(struct web_reply *out, const struct overview *o)
{
	show_printed(out, o, "application/json", print_json);
}

static void
show_metrics(struct web_reply *out, const struct overview *o)
{
	show_printed(out, o, "text/plain; version=0.0.4; charset=utf-8", overview_metrics);
}

static void
show_page(struct web_reply *out, const struct overview *o)
{
	(void)o;
	out->status = 200;
	out->type = "text/html; charset=utf-8";
	out->policy = page_policy;
	out->body = page_text(&out->bytes);
}

static const struct {
	const char *path;
	bool open;  /* to everybody who may connect */
	bool looks; /* at an overview */
	void (*show)(struct web_reply *out, const struct overview *o);
} paths[] = {
        {"/", false, false, show_page},
        {"/metrics", false, true, show_metrics},
        {"/status.json", false, true, show_status},
        {"/healthz", true, true, show_health},
        {"/readyz", true, true, show_readiness},
};
enum { PATHS = sizeof paths / sizeof *paths };

static void
header(struct web_reply *out, const char *name, const char *value)
{
	out->extra[0] = name;
	out->extra[1] = value;
}

void
web_answer(struct web_reply *out, const struct web_request *request, const struct web_secrets *secrets,
        const struct overview_sources *sources)
{
	struct overview o;
	unsigned at = 0;
	*out = (struct web_reply){.policy = strict_policy};
	while (at < PATHS && strcmp(paths[at].path, request->path) != 0)
		at++;
	if ((at == PATHS || !paths[at].open) && !may_look(request, secrets)) {
		say(out, 401, "not allowed\n");
		header(out, "WWW-Authenticate",
		        *secrets->basic != '\0' ? "Basic realm=\"dotward\", charset=\"UTF-8\""
		                                : "Bearer realm=\"dotward\"");
	} else if (at == PATHS) {
		say(out, 404, "there is nothing here\n");
	} else if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
		say(out, 405, "only GET and HEAD\n");
		header(out, "Allow", "GET, HEAD");
	} else if (request->has_body) {
		say(out, 413, "no body is wanted\n");
	} else if (!paths[at].looks) {
		paths[at].show(out, NULL);
	} else {
		overview_take(&o, sources, clock_now_ms(), clock_wall_ms());
		paths[at].show(out, &o);
		overview_free(&o);
	}
}
