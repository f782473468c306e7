/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a log's header that is accepted names 1 to 8 algorithms, each once, with digests that are
 *         not empty, fit the largest and are of the size that a known algorithm has; nothing is
 *         behind it.
 * for:    every header of up to 48 bytes: up to 4 algorithms
 * stubs:  texts of errors; sizes of digests
 * unwind: 9
 * loops:  read_le.0:5 memcmp.0:17
 * fault:  `size > SV_DIGEST_MAX ||` => ``
 * fault:  `if (log->algs[k] == id)` => `if (0)`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"
#include "ovmf/eventlog.c"

size_t sv_digest_size(enum sv_digest alg)
{
        return alg == SV_SHA1 ? 20 : alg == SV_SHA256 ? 32 : alg == SV_SHA384 ? 48 : 64;
}

void prove(void)
{
        struct sv_bytes raw = any_bytes(48);
        struct sv_tcg_log log = {0};
        size_t i, k;

        if (read_spec_id(raw, &log, NULL) < 0) {
                PROVE(failed_check);
                return;
        }
        PROVE(log.n_algs >= 1 && log.n_algs <= SV_TCG_ALGS);
        PROVE(raw.p[24] == log.n_algs &&
              raw.n == 28 + 4 * log.n_algs + 1 + raw.p[28 + 4 * log.n_algs]);
        i = any_below(log.n_algs);
        k = any_below(log.n_algs);
        PROVE(log.sizes[i] && log.sizes[i] <= SV_DIGEST_MAX);
        PROVE(i == k || log.algs[i] != log.algs[k]);
        PROVE(log.algs[i] != 0x000b || log.sizes[i] == 32);
        PROVE(log.algs[i] != 0x000c || log.sizes[i] == 48);
}
