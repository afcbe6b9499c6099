// Ranks 0 to 6, and tensors without elements.

func.func @rank0(%x: tensor<i32>) -> tensor<i32> {
  %r = arith.addi %x, %x : tensor<i32>
  return %r : tensor<i32>
}
func.func @rank1(%x: tensor<7xi32>) -> tensor<7xi32> {
  %r = arith.addi %x, %x : tensor<7xi32>
  return %r : tensor<7xi32>
}
func.func @rank2(%x: tensor<2x3xi32>) -> tensor<2x3xi32> {
  %r = arith.addi %x, %x : tensor<2x3xi32>
  return %r : tensor<2x3xi32>
}
func.func @rank3(%x: tensor<2x3x4xi32>) -> tensor<2x3x4xi32> {
  %r = arith.addi %x, %x : tensor<2x3x4xi32>
  return %r : tensor<2x3x4xi32>
}
func.func @rank4(%x: tensor<1x2x3x4xi32>) -> tensor<1x2x3x4xi32> {
  %r = arith.addi %x, %x : tensor<1x2x3x4xi32>
  return %r : tensor<1x2x3x4xi32>
}
func.func @rank5(%x: tensor<2x1x2x3x2xi32>) -> tensor<2x1x2x3x2xi32> {
  %r = arith.addi %x, %x : tensor<2x1x2x3x2xi32>
  return %r : tensor<2x1x2x3x2xi32>
}
func.func @rank6(%x: tensor<2x1x2x1x3x2xi32>) -> tensor<2x1x2x1x3x2xi32> {
  %r = arith.addi %x, %x : tensor<2x1x2x1x3x2xi32>
  return %r : tensor<2x1x2x1x3x2xi32>
}
func.func @transpose6(%x: tensor<1x2x3x4x5x2xi32>) -> tensor<2x5x4x3x2x1xi32> {
  %e = tensor.empty() : tensor<2x5x4x3x2x1xi32>
  %r = linalg.transpose ins(%x : tensor<1x2x3x4x5x2xi32>) outs(%e : tensor<2x5x4x3x2x1xi32>)
    permutation = [5, 4, 3, 2, 1, 0]
  return %r : tensor<2x5x4x3x2x1xi32>
}
func.func @empty1(%x: tensor<0xf32>) -> tensor<0xf32> {
  %r = arith.addf %x, %x : tensor<0xf32>
  return %r : tensor<0xf32>
}
func.func @empty3(%x: tensor<2x0x3xf32>) -> tensor<2x0x3xf32> {
  return %x : tensor<2x0x3xf32>
}
func.func @maybe_empty(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %r = arith.addf %x, %x : tensor<?x3xf32>
  return %r : tensor<?x3xf32>
}
