// One small dispatch, compiled to kernel images for the tests of the ELF loader.
func.func @scale(%x: tensor<16xf32>, %y: tensor<16xf32>) -> tensor<16xf32> {
  %0 = arith.mulf %x, %y : tensor<16xf32>
  %1 = arith.addf %0, %x : tensor<16xf32>
  return %1 : tensor<16xf32>
}
