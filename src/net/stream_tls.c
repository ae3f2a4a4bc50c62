/*
 * What is to be told of a stream's TLS session; of a stream without one, nothing.
 */
#include "net/stream.h"

const char *
stream_tls_version(const struct stream *stream)
{
	const struct tls *tls = stream_tls(stream);
	return tls != NULL ? tls_version(tls) : "";
}

bool
stream_tls_resumed(const struct stream *stream)
{
	const struct tls *tls = stream_tls(stream);
	return tls != NULL && tls_resumed(tls);
}

const char *
stream_tls_doubt(const struct stream *stream)
{
	const struct tls *tls = stream_tls(stream);
	return tls != NULL ? tls_doubt(tls) : "";
}

bool
stream_tls_undated(const struct stream *stream)
{
	const struct tls *tls = stream_tls(stream);
	return tls != NULL && tls_undated(tls);
}
