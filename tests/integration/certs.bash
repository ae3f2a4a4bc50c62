# A throw-away public key infrastructure, made once per run of the suite, under $CERTS.
# shellcheck shell=bash
#
#   ca.pem            the authority that the tests trust
#   good              upstream.test, signed by it
#   wrong             other.test, signed by it
#   expired           upstream.test, signed by it, valid until yesterday
#   future            upstream.test, signed by it, valid from tomorrow
#   ip                no name but the addresses 127.0.0.1 and ::1, signed by it
#   client            a client of upstreams that want to know who asks, signed by it
#   self              upstream.test, signed by itself
#   untrusted         upstream.test, signed by an authority that nobody trusts (untrusted-ca.pem)
#
# NAME.pem, NAME.key and NAME.pin (sha256//BASE64 of the public key) for each.

certs_key() {
  certtool --generate-privkey --key-type=ecdsa --curve=secp256r1 --outfile "$CERTS/$1.key" 2>/dev/null
}

# certs_template FILE LINE...
certs_template() {
  local file=$CERTS/$1.tmpl
  shift
  printf '%s\n' "$@" >"$file"
  # Activation lies in the past, so that a clock read a moment later is not before it.
  grep -q activation_date "$file" || printf 'activation_date = "%s"\n' "$(date -u -d '1 hour ago' '+%F %T')" >>"$file"
  grep -q expiration_date "$file" || echo 'expiration_days = 30' >>"$file"
}

certs_authority() {
  certs_key "$1"
  certs_template "$1" "cn = \"dotward test authority $1\"" ca cert_signing_key
  certtool --generate-self-signed --load-privkey "$CERTS/$1.key" --template "$CERTS/$1.tmpl" \
    --outfile "$CERTS/$1.pem" 2>/dev/null
}

# certs_leaf NAME AUTHORITY LINE... ("self" signs itself)
certs_leaf() {
  local name=$1 authority=$2
  shift 2
  certs_key "$name"
  certs_template "$name" "cn = \"$name\"" signing_key tls_www_server "$@"
  if [[ $authority == self ]]; then
    certtool --generate-self-signed --load-privkey "$CERTS/$name.key" --template "$CERTS/$name.tmpl" \
      --outfile "$CERTS/$name.pem" 2>/dev/null
  else
    certtool --generate-certificate --load-privkey "$CERTS/$name.key" --template "$CERTS/$name.tmpl" \
      --load-ca-certificate "$CERTS/$authority.pem" --load-ca-privkey "$CERTS/$authority.key" \
      --outfile "$CERTS/$name.pem" 2>/dev/null
  fi
  certs_pin "$name"
}

certs_pin() {
  local hex
  hex=$(certtool --pubkey-info --load-privkey "$CERTS/$1.key" --outder 2>/dev/null | sha256sum | cut -d' ' -f1)
  printf 'sha256//%s\n' "$(xxd -r -p <<<"$hex" | base64)" >"$CERTS/$1.pin"
}

certs_make() {
  local name='dns_name = "upstream.test"'
  mkdir -p "$CERTS"
  certs_authority ca
  certs_authority untrusted-ca
  certs_leaf good ca "$name"
  certs_leaf wrong ca 'dns_name = "other.test"'
  certs_leaf expired ca "$name" \
    "activation_date = \"$(date -u -d '10 days ago' '+%F %T')\"" \
    "expiration_date = \"$(date -u -d '1 day ago' '+%F %T')\""
  certs_leaf future ca "$name" \
    "activation_date = \"$(date -u -d '1 day' '+%F %T')\"" \
    "expiration_date = \"$(date -u -d '10 days' '+%F %T')\""
  certs_leaf ip ca 'ip_address = "127.0.0.1"' 'ip_address = "::1"'
  certs_leaf client ca tls_www_client
  certs_leaf self self "$name"
  certs_leaf untrusted untrusted-ca "$name"
  # The daemon that reads them may have given up its privileges.
  chmod 755 "$CERTS"
  chmod 644 "$CERTS"/*
}
