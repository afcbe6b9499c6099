// sha256.h: SHA-256, the hash of a model's source in a module's stamp.
#ifndef EERIE_CLI_SHA256_H_
#define EERIE_CLI_SHA256_H_

#include <stddef.h>
#include <stdint.h>

typedef struct ee_cli_sha256 {
  uint32_t state[8];
  uint64_t size; // bytes so far
  unsigned char block[64];
} ee_cli_sha256_t;

void ee_cli_sha256_begin(ee_cli_sha256_t *hash);
void ee_cli_sha256_add(ee_cli_sha256_t *hash, const void *data, size_t size);
// Ends it: 64 hexadecimal digits and a NUL.
void ee_cli_sha256_end(ee_cli_sha256_t *hash, char out_text[65]);

#endif // EERIE_CLI_SHA256_H_
