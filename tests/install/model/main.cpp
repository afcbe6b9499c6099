// The same through eerie.hpp, with the module in a file.
#include <eerie/eerie.hpp>
#include <iostream>

#include <multiply.h> // written by the build

int main() {
  try {
    eerie::Instance instance;
    eerie::Program program(instance, MODULE);
    const float a[] = {1, 2, 3, 4}, b[] = {10, 20, 30, 40};
    eerie::Tensor product =
        program["multiply"](program.tensor<float>(a), program.tensor<float>(b));
    if (product.span<float>()[3] != 160) return 1;
    if (product.to_vector<float>() != std::vector<float>{10, 40, 90, 160}) return 1;
    try {
      product.span<double>();
      return 1;
    } catch (const eerie::Error &error) {
      if (error.status() != EERIE_INVALID_ARGUMENT) return 1;
    }
    // And typed, from C++.
    multiply_t model;
    eerie_error_t err = {};
    if (multiply_open(instance.get(), MODULE, nullptr, &model, &err)) return 1;
    const multiply_f32_4_t x = {{1, 2, 3, 4}};
    multiply_f32_4_t y;
    const eerie_status_t status = multiply_multiply(&model, &x, &x, &y, &err);
    multiply_close(&model);
    return status != EERIE_OK || y.data[3] != 16;
  } catch (const eerie::Error &error) {
    std::cerr << error.name() << ": " << error.what() << '\n';
    return 1;
  }
}
