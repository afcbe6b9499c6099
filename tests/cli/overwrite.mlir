// A constant that the compiler takes for a value which may be overwritten: its kernel writes to
// where the constant lies.
func.func @overwrite(%a: tensor<2x3xi32>) -> tensor<5x6xi32> {
  %c = util.unfoldable_constant dense<[[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12],
      [13, 14, 15, 16, 17, 18], [19, 20, 21, 22, 23, 24], [25, 26, 27, 28, 29, 30]]> : tensor<5x6xi32>
  %r = tensor.insert_slice %a into %c[1, 2] [2, 3] [1, 1] : tensor<2x3xi32> into tensor<5x6xi32>
  return %r : tensor<5x6xi32>
}

// The same by a kernel that has a result beside it.
func.func @both(%a: tensor<2x3xi32>) -> (tensor<5x6xi32>, tensor<2x3xi32>) {
  %c = util.unfoldable_constant dense<[[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12],
      [13, 14, 15, 16, 17, 18], [19, 20, 21, 22, 23, 24], [25, 26, 27, 28, 29, 30]]> : tensor<5x6xi32>
  %r, %s = flow.dispatch.workgroups(%a, %c) : (tensor<2x3xi32>, tensor<5x6xi32>) -> (%c, tensor<2x3xi32>) =
      (%in: !iree_tensor_ext.dispatch.tensor<readonly:tensor<2x3xi32>>,
       %place: !iree_tensor_ext.dispatch.tensor<readwrite:tensor<5x6xi32>>,
       %out: !iree_tensor_ext.dispatch.tensor<writeonly:tensor<2x3xi32>>) {
    %v = iree_tensor_ext.dispatch.tensor.load %in, offsets = [0, 0], sizes = [2, 3], strides = [1, 1] : !iree_tensor_ext.dispatch.tensor<readonly:tensor<2x3xi32>> -> tensor<2x3xi32>
    %e = tensor.empty() : tensor<2x3xi32>
    %w = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
        iterator_types = ["parallel", "parallel"]} ins(%v : tensor<2x3xi32>) outs(%e : tensor<2x3xi32>) {
    ^bb0(%p: i32, %q: i32):
      %d = arith.addi %p, %p : i32
      linalg.yield %d : i32
    } -> tensor<2x3xi32>
    iree_tensor_ext.dispatch.tensor.store %v, %place, offsets = [1, 2], sizes = [2, 3], strides = [1, 1] : tensor<2x3xi32> -> !iree_tensor_ext.dispatch.tensor<readwrite:tensor<5x6xi32>>
    iree_tensor_ext.dispatch.tensor.store %w, %out, offsets = [0, 0], sizes = [2, 3], strides = [1, 1] : tensor<2x3xi32> -> !iree_tensor_ext.dispatch.tensor<writeonly:tensor<2x3xi32>>
    flow.return
  } count() -> (index, index, index) {
    %one = arith.constant 1 : index
    flow.return %one, %one, %one : index, index, index
  }
  return %r, %s : tensor<5x6xi32>, tensor<2x3xi32>
}
