/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Keys of the tests of src/token and src/grip: made for them, used nowhere
 * else. FASTLY is the public key that Fastly publishes, and FASTLY_TOKEN one
 * that was signed with it, long expired.
 */
#ifndef T_UNIT_TOKEN_KEYS_H
#define T_UNIT_TOKEN_KEYS_H

#include "token/key.h"
#include "t/unit/unit.h"

#define EC_PRIVATE                                                       \
    "-----BEGIN PRIVATE KEY-----\n"                                      \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgnlS0dzBDXEDxDAib\n" \
    "JZbnW0PDGhxV9uXCNfnOYKQu0XKhRANCAATcJawRojqwXQnrneqQvF06wcDqWGWu\n" \
    "Q47Ot8bdvcvGup4XmPYu3yzxzPbfX/iomaDH4IhPb4P4mC/cAJcfewsP\n"         \
    "-----END PRIVATE KEY-----\n"

#define EC_SEC1                                                          \
    "-----BEGIN EC PRIVATE KEY-----\n"                                   \
    "MHcCAQEEIJ5UtHcwQ1xA8QwImyWW51tDwxocVfblwjX5zmCkLtFyoAoGCCqGSM49\n" \
    "AwEHoUQDQgAE3CWsEaI6sF0J653qkLxdOsHA6lhlrkOOzrfG3b3LxrqeF5j2Lt8s\n" \
    "8cz231/4qJmgx+CIT2+D+Jgv3ACXH3sLDw==\n"                             \
    "-----END EC PRIVATE KEY-----\n"

#define EC_PUBLIC                                                        \
    "-----BEGIN PUBLIC KEY-----\n"                                       \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE3CWsEaI6sF0J653qkLxdOsHA6lhl\n" \
    "rkOOzrfG3b3LxrqeF5j2Lt8s8cz231/4qJmgx+CIT2+D+Jgv3ACXH3sLDw==\n"     \
    "-----END PUBLIC KEY-----\n"

#define RSA_PRIVATE                                                      \
    "-----BEGIN PRIVATE KEY-----\n"                                      \
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCiEY4J3X/ZLC4W\n" \
    "FDZj8xN9BcjRFNYX88j3a8AMgGHwSGAq4UoJ1pULXb8K1/GWfcpvDXeoMHnbyE1K\n" \
    "huH9sDlSwyzIKVrFRpcMQvBzMvENRnmPBmoSa981Izu47qoSGv1wM9pQEfwN0kP3\n" \
    "aZ5CmI8U6vTklE14Cp4JzUE8n+WipAJKid+pUGMYTmMoiQA01pWQSuVIWqnyxcB4\n" \
    "Qp1lTVV4wm9DoyVPcl2xydfXLn3And+e3IG7PKs4xbwaevqyGuMPfJ8sScUnjpkf\n" \
    "4qy9x0vHwj0e//Nw5g/CU328Kop02ROgLUD8VmkgflV/bOCS018euBgKHRjYCaR5\n" \
    "GIdF3xmDAgMBAAECggEAIuco8dL0D69GFZcwx4G39rriLrUQDoSACVj5OTgE35yW\n" \
    "qWVvboL6AkKkPA+ZhdF9YUFDPcOC2uReUOiPjvT+w2YpJMpTNB0ptohMBGM6KqO8\n" \
    "1iKJgYIdxfHakM9FbTTG0/02zPuyjr9zx7rFTI5ScizPpNKThIC03GOJ4yaEa+wS\n" \
    "enWUFP5sq1chN/IRUh1Xd33UJ7zCe5Kasj8QDRk+StMKm7n/Fz1kBhKpBUMkIqfz\n" \
    "0c2g/dS1TGiENx66uAe/SWNQdjWPnU9V+qjpHNEbEYZlEbSuqUA0gprAVYLkuTXO\n" \
    "6QEKMTFmOGslETtRbPvWpVt2wYJtpf7pSrkuqWrYsQKBgQDXhPptKI+nNML59qd5\n" \
    "Y6MLWqvtxvbbfDTfUwXh6BFPH95zvUnxCPmRYlKwBVvwDr4/FrN5TzgnLFvEDLtV\n" \
    "MCurx4VQp6Oh5D8tAKVYY+6bRMokNbTLpTbXYNfZ6a23NR67OLjOmoysKkwubj/n\n" \
    "1nQlsM1QFp+DVGbAe73T1+iAJQKBgQDAgnLaGNAVtmu7Vy+Ijh1rSYNUtNlWPQMu\n" \
    "LipfDg+rlVapTzKqCoj9lT+GSKjrZkXO3F3x+hR+OV0B0YyufYAUG+qBBeZsDZq+\n" \
    "ipBxKLmHzGbNDmiRk+mXvF4qsRdkpDPwv63Zno7M2pnymuim5ECvxsFQxEYiHMiY\n" \
    "JKH1S8OOhwKBgQClMtYudAfhGA1YQxvObXRd0Ku3AGrahNOWV3JL3nHeH8SJHRAf\n" \
    "hUyfhylwqTr2wKZNf54kn3egd10D4up5ewoOi0qCL227O1S9ryAOp9MPC2SS6uPh\n" \
    "sYte/mmWLIuuwjYDNpBaNZccpPNuJ64ujHDNLz/BYwX0Se7VHkS8rGQYTQKBgGdD\n" \
    "0n4hf0WWZDXLL+lNaoSJm5RNqqPy+IjGJN52eXtuEV2i6SeDnTaB3+CVi18yrlGn\n" \
    "rhFGN8X52WVHVfKnyZN/4gwx8QeXSKHbTF4XHWa2A5MNnpQwxsYpOk4mTskit+X1\n" \
    "vDkXL7y9qoUUCaa0m+pucHZ1wrU7wXKze9lMOetzAoGAenfZMFoL86hxGtbEM3/x\n" \
    "srCz2VlDMvgYlCek2JH2BPeRrzmX8h8fGrRISAPjxTfk7pOGtFW0lkVa9DZxeGnD\n" \
    "bspCyDLm8RzJkLtMkffr4SFyYEFyz3iO/mUg5wwF+dkE99s1i9kbMRhiapre65n5\n" \
    "Q7yjlEKkocpmH+HgsA6ezzA=\n"                                         \
    "-----END PRIVATE KEY-----\n"

#define RSA_PUBLIC                                                       \
    "-----BEGIN PUBLIC KEY-----\n"                                       \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAohGOCd1/2SwuFhQ2Y/MT\n" \
    "fQXI0RTWF/PI92vADIBh8EhgKuFKCdaVC12/Ctfxln3Kbw13qDB528hNSobh/bA5\n" \
    "UsMsyClaxUaXDELwczLxDUZ5jwZqEmvfNSM7uO6qEhr9cDPaUBH8DdJD92meQpiP\n" \
    "FOr05JRNeAqeCc1BPJ/loqQCSonfqVBjGE5jKIkANNaVkErlSFqp8sXAeEKdZU1V\n" \
    "eMJvQ6MlT3JdscnX1y59wJ3fntyBuzyrOMW8Gnr6shrjD3yfLEnFJ46ZH+KsvcdL\n" \
    "x8I9Hv/zcOYPwlN9vCqKdNkToC1A/FZpIH5Vf2zgktNfHrgYCh0Y2AmkeRiHRd8Z\n" \
    "gwIDAQAB\n"                                                         \
    "-----END PUBLIC KEY-----\n"

#define RSA_SHORT                                                        \
    "-----BEGIN PUBLIC KEY-----\n"                                       \
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDNtxtbwYQpVeyB0FW7W0BnboCt\n" \
    "G4/WjvkM6pY9svtAYgIX5SqHfliU14K8k/qG2mOSFP6CDZ/W56pBnGNCFCz9xyv0\n" \
    "IpZUlit3gUFAkMGFHUl72PRM3+saKCYuWtxJkRvqRqLMFpDMtCiqL7U2Uq/o5/Ey\n" \
    "xrRuf8inm2NTLrp1LwIDAQAB\n"                                         \
    "-----END PUBLIC KEY-----\n"

#define EC_P384                                                          \
    "-----BEGIN PUBLIC KEY-----\n"                                       \
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE/p5TWDYVwX/p7anQwK+bbTPKfryFfzI3\n" \
    "cRJ34K21bInBGPcUn8xvibzWZQzaonTYpb8/orHmS4mMP3E989Cgu7ZPUkPKr5rn\n" \
    "W7FZCpWwx0nwyhZIXfwB5v1TubcYe9sX\n"                                 \
    "-----END PUBLIC KEY-----\n"

#define RSA_N                                                      \
    "ohGOCd1_2SwuFhQ2Y_MTfQXI0RTWF_PI92vADIBh8EhgKuFKCdaVC12_Ctfx" \
    "ln3Kbw13qDB528hNSobh_bA5UsMsyClaxUaXDELwczLxDUZ5jwZqEmvfNSM7" \
    "uO6qEhr9cDPaUBH8DdJD92meQpiPFOr05JRNeAqeCc1BPJ_loqQCSonfqVBj" \
    "GE5jKIkANNaVkErlSFqp8sXAeEKdZU1VeMJvQ6MlT3JdscnX1y59wJ3fntyB" \
    "uzyrOMW8Gnr6shrjD3yfLEnFJ46ZH-KsvcdLx8I9Hv_zcOYPwlN9vCqKdNkT" \
    "oC1A_FZpIH5Vf2zgktNfHrgYCh0Y2AmkeRiHRd8Zgw"

#define FASTLY                                               \
    "{\"kty\":\"EC\",\"crv\":\"P-256\","                     \
    "\"x\":\"CKo5A1ebyFcnmVV8SE5On-8G81JyBjSvcrx4VLetWCg\"," \
    "\"y\":\"7gwJqaU6N8TP88--twjkwoB36f-pT3QsmI46nPhjO7M\"}"

#define FASTLY_TOKEN                                                     \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9."                              \
    "eyJleHAiOjE2NzUzNjU0MjgsImlzcyI6ImZhc3RseSJ9."                      \
    "QL2Pm1JnXV_vAYK7ijeD4U1CBjOTLihNMDZ-qfvjkKOTUiK1jyxGEwjZfeApijRaOt" \
    "QT8fVkdPnKjF-tBiUzkA"

/** The second at which it expires. */
#define FASTLY_EXP 1675365428

/** A key that can be read. */
static inline const es_key_t *key_of(const char *value)
{
    const es_key_t *key = NULL;

    assert_null(es_key_read(&key, value, "/", pool));
    return key;
}

#endif
