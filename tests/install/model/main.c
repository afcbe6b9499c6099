// The model is part of the program.
#include <multiply.h> // written by the build

int main(void) {
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  multiply_t model = {0};
  const multiply_f32_4_t a = {{1, 2, 3, 4}}, b = {{10, 20, 30, 40}};
  multiply_f32_4_t product = {{0}};
  eerie_status_t status = eerie_instance_create(NULL, &instance, &err);
  if (status == EERIE_OK) status = multiply_open(instance, NULL, &model, &err);
  if (status == EERIE_OK) status = multiply_multiply(&model, &a, &b, &product, &err);
  if (status != EERIE_OK) fprintf(stderr, "%s\n", err.message);
  multiply_close(&model);
  eerie_instance_release(instance);
  return status != EERIE_OK || product.data[3] != 160;
}
