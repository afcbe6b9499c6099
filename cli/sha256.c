// sha256.c: SHA-256 (FIPS 180-4, sections 4.1.2, 5 and 6.2). For hashes of files; not for secrets.
#include "sha256.h"

#include <stdio.h>
#include <string.h>

// The first 32 bits of the fractions of the cube roots of the first 64 primes.
static const uint32_t sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned by) {
  return x >> by | x << (32 - by);
}

static void hash_block(ee_cli_sha256_t *hash) {
  uint32_t w[64];
  for (int i = 0; i < 16; ++i) {
    const unsigned char *const b = hash->block + 4 * i;
    w[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
  }
  for (int i = 16; i < 64; ++i) {
    const uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    const uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  uint32_t s[8]; // a to h
  memcpy(s, hash->state, sizeof s);
  for (int i = 0; i < 64; ++i) {
    const uint32_t sum1 = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25);
    const uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
    const uint32_t t1 = s[7] + sum1 + choice + sha256_constants[i] + w[i];
    const uint32_t sum0 = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22);
    const uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
    memmove(s + 1, s, 7 * sizeof s[0]);
    s[4] += t1;
    s[0] = t1 + sum0 + majority;
  }
  for (int i = 0; i < 8; ++i)
    hash->state[i] += s[i];
}

void ee_cli_sha256_begin(ee_cli_sha256_t *hash) {
  *hash = (ee_cli_sha256_t){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                      0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void ee_cli_sha256_add(ee_cli_sha256_t *hash, const void *data, size_t size) {
  const unsigned char *at = data;
  while (size) {
    const size_t used = hash->size % 64;
    const size_t taken = size < 64 - used ? size : 64 - used;
    memcpy(hash->block + used, at, taken);
    hash->size += taken;
    at += taken;
    size -= taken;
    if (hash->size % 64 == 0) hash_block(hash);
  }
}

void ee_cli_sha256_end(ee_cli_sha256_t *hash, char out_text[65]) {
  const uint64_t bits = hash->size * 8;
  static const unsigned char padding[64] = {0x80};
  const size_t used = hash->size % 64;
  ee_cli_sha256_add(hash, padding, used < 56 ? 56 - used : 120 - used);
  unsigned char length[8];
  for (int i = 0; i < 8; ++i)
    length[i] = (unsigned char)(bits >> (56 - 8 * i));
  ee_cli_sha256_add(hash, length, sizeof length);
  for (size_t i = 0; i < 8; ++i)
    snprintf(out_text + 8 * i, 9, "%08x", (unsigned)hash->state[i]);
}
