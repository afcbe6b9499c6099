// A dense layer whose matrix product is OpenBLAS's: the kernel calls a function of its host, and
// what comes after it, bias and activation, is the compiler's own code. `compiled` is the same
// layer without the import.
//
//   eerie compile examples/openblas.mlir -o openblas.vmfb
stream.executable private @blas {
  // One workgroup: the library splits the work itself if it wants to.
  stream.executable.export public @product workgroups() -> (index, index, index) {
    %c1 = arith.constant 1 : index
    stream.return %c1, %c1, %c1 : index, index, index
  }
  builtin.module {
    // Resolved when the module is loaded, by name. With `llvm.bareptr` a memref without dimensions
    // is a pointer: struct {a, a_offset, b, b_offset, c, c_offset, m, n, k}, offsets in elements.
    func.func private @sgemm(memref<f32>, index, memref<f32>, index, memref<f32>, index,
                             index, index, index) attributes {llvm.bareptr = true}
    func.func @product(%a: !stream.binding, %b: !stream.binding, %c: !stream.binding,
                       %m: index, %n: index, %k: index) {
      %c0 = arith.constant 0 : index
      %ma = stream.binding.subspan %a[%c0] : !stream.binding -> memref<?x?xf32>{%m, %k}
      %mb = stream.binding.subspan %b[%c0] : !stream.binding -> memref<?x?xf32>{%k, %n}
      %mc = stream.binding.subspan %c[%c0] : !stream.binding -> memref<?x?xf32>{%m, %n}
      %pa, %oa, %sa:2, %ta:2 = iree_codegen.extract_strided_metadata %ma
          : memref<?x?xf32> -> memref<f32>, index, index, index, index, index
      %pb, %ob, %sb:2, %tb:2 = iree_codegen.extract_strided_metadata %mb
          : memref<?x?xf32> -> memref<f32>, index, index, index, index, index
      %pc, %oc, %sc:2, %tc:2 = iree_codegen.extract_strided_metadata %mc
          : memref<?x?xf32> -> memref<f32>, index, index, index, index, index
      func.call @sgemm(%pa, %oa, %pb, %ob, %pc, %oc, %m, %n, %k)
          : (memref<f32>, index, memref<f32>, index, memref<f32>, index, index, index, index) -> ()
      return
    }
  }
}

func.func @layer(%x: tensor<?x?xf32>, %w: tensor<?x?xf32>, %bias: tensor<?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = tensor.dim %x, %c0 : tensor<?x?xf32>
  %k = tensor.dim %x, %c1 : tensor<?x?xf32>
  %n = tensor.dim %w, %c1 : tensor<?x?xf32>
  %product = flow.dispatch @blas::@product(%x, %w, %m, %n, %k)
      : (tensor<?x?xf32>{%m, %k}, tensor<?x?xf32>{%k, %n}, index, index, index)
      -> tensor<?x?xf32>{%m, %n}
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty(%m, %n) : tensor<?x?xf32>
  %result = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
                       affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%product, %bias : tensor<?x?xf32>, tensor<?xf32>) outs(%empty : tensor<?x?xf32>) {
    ^bb0(%p: f32, %b: f32, %o: f32):
      %sum = arith.addf %p, %b : f32
      %positive = arith.maximumf %sum, %zero : f32
      linalg.yield %positive : f32
  } -> tensor<?x?xf32>
  return %result : tensor<?x?xf32>
}

func.func @compiled(%x: tensor<512x512xf32>, %w: tensor<512x512xf32>, %bias: tensor<512xf32>)
    -> tensor<512x512xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<512x512xf32>
  %clear = linalg.fill ins(%zero : f32) outs(%empty : tensor<512x512xf32>) -> tensor<512x512xf32>
  %product = linalg.matmul ins(%x, %w : tensor<512x512xf32>, tensor<512x512xf32>)
      outs(%clear : tensor<512x512xf32>) -> tensor<512x512xf32>
  %result = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
                       affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%product, %bias : tensor<512x512xf32>, tensor<512xf32>)
      outs(%empty : tensor<512x512xf32>) {
    ^bb0(%p: f32, %b: f32, %o: f32):
      %sum = arith.addf %p, %b : f32
      %positive = arith.maximumf %sum, %zero : f32
      linalg.yield %positive : f32
  } -> tensor<512x512xf32>
  return %result : tensor<512x512xf32>
}
