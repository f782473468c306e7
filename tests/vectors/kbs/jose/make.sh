#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# JWS and JWE of another implementation: José 11 (package jose). Run in this folder. The keys are fresh and not kept, so each run gives
# other bytes and MANIFEST.md other digests.
set -eu
text='{"iss":"a maker of test data","exp":1790000000,"scope":"is_root"}'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

encode() { printf %s "$1" | jose b64 enc -I-; }

for alg in ES256 HS256 RS256 PS256 ES384 ES512; do
        name=$(echo $alg | tr A-Z a-z)
        jose jwk gen -i "{\"alg\":\"$alg\"}" -o "$work/key"
        printf %s "$text" | jose jws sig -I- -k "$work/key" -c -o "$name.jws"
        [ $alg != ES256 ] || jose jwk pub -i "$work/key" -o es256.jwk
done
printf '%s.%s.' "$(encode '{"alg":"none"}')" "$(encode "$text")" >none.jws
for alg in RSA1_5 PBES2-HS256+A128KW ECDH-ES+A128KW A256GCMKW A128KW; do
        jose jwk gen -i "{\"alg\":\"$alg\"}" -o "$work/key"
        printf %s "$text" | jose jwe enc -i '{"protected":{"alg":"'$alg'","enc":"A128GCM"}}' -I- -k "$work/key" \
                -o "$(echo $alg | tr 'A-Z_+' 'a-z--').jwe"
done
# As many rounds as would take an hour.
sed 's/"p2c":[0-9]*/"p2c":1000000000/' pbes2-hs256-a128kw.jwe >pbes2-rounds.jwe
