// npy.h: NumPy's array files, several arrays one after the other included.
#ifndef EERIE_CLI_NPY_H_
#define EERIE_CLI_NPY_H_

#include "array.h"

// Reads the array at `*offset` of a file's content and moves the offset behind it. `path` is for
// messages. OUT_OF_RANGE: the content ends there. INVALID_ARGUMENT: not such a file. DATA_LOSS:
// truncated or damaged. UNIMPLEMENTED: objects, text, structures.
eerie_status_t ee_cli_npy_read(const ee_cli_text_t *content, const char *path, size_t *offset,
                               ee_cli_array_t *out_array, eerie_error_t *err);

// Appends an array. Types that NumPy lacks are written as raw bytes (bf16 as V2), integers below 8
// bits as bytes.
void ee_cli_npy_write(ee_cli_text_t *text, const ee_cli_array_t *array);

#endif // EERIE_CLI_NPY_H_
