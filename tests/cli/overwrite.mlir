// A constant that the compiler takes for a value which may be overwritten: its kernel writes to
// where the constant lies.
func.func @overwrite(%a: tensor<2x3xi32>) -> tensor<5x6xi32> {
  %c = util.unfoldable_constant dense<[[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12],
      [13, 14, 15, 16, 17, 18], [19, 20, 21, 22, 23, 24], [25, 26, 27, 28, 29, 30]]> : tensor<5x6xi32>
  %r = tensor.insert_slice %a into %c[1, 2] [2, 3] [1, 1] : tensor<2x3xi32> into tensor<5x6xi32>
  return %r : tensor<5x6xi32>
}
