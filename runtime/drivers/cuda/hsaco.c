// hsaco.c: images for AMD's GPUs: ELF files whose tables and parts must lie inside.
//
// Source: the ELF-64 object file format; AMDGPU's e_machine in LLVM's user guide for AMDGPU.
#include "drivers/cuda/cuda.h"

enum {
  HEADER_SIZE = 64,
  SEGMENT_SIZE = 56,
  SECTION_SIZE = 64,
  MACHINE_AMDGPU = 224,
  SECTION_NOBITS = 8,
};

static bool table_lies_inside(ee_bytes_t image, uint64_t at, uint32_t count, uint32_t unit,
                              uint32_t expected) {
  return count == 0 || (unit == expected && ee_range_ok(at, (uint64_t)count * unit, image.size));
}

eerie_status_t ee_cuda_hsaco_check(ee_bytes_t image, eerie_error_t *err) {
  const uint8_t *e = image.data;
  // 64 bits, lowest byte first.
  if (image.size < HEADER_SIZE ||
      memcmp(e,
             "\x7F"
             "ELF\x02\x01",
             6) != 0 ||
      ee_load_u16(e + 18) != MACHINE_AMDGPU) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "the image of %zu bytes is no ELF file for AMDGPU",
                   image.size);
  }
  const uint64_t segments = ee_load_u64(e + 32), sections = ee_load_u64(e + 40);
  const uint32_t segment_count = ee_load_u16(e + 56), section_count = ee_load_u16(e + 60);
  bool whole =
      table_lies_inside(image, segments, segment_count, ee_load_u16(e + 54), SEGMENT_SIZE) &&
      table_lies_inside(image, sections, section_count, ee_load_u16(e + 58), SECTION_SIZE);
  for (uint32_t i = 0; i < segment_count && whole; ++i) {
    const uint8_t *segment = e + segments + i * SEGMENT_SIZE;
    whole = ee_range_ok(ee_load_u64(segment + 8), ee_load_u64(segment + 32), image.size);
  }
  for (uint32_t i = 0; i < section_count && whole; ++i) {
    const uint8_t *section = e + sections + i * SECTION_SIZE;
    whole = ee_load_u32(section + 4) == SECTION_NOBITS ||
            ee_range_ok(ee_load_u64(section + 24), ee_load_u64(section + 32), image.size);
  }
  if (whole) return EERIE_OK;
  return EE_FAIL(err, EERIE_DATA_LOSS, "the image of %zu bytes is cut: its parts lie outside",
                 image.size);
}
