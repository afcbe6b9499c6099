# The headers of Vulkan are the same for all systems: those of this machine (libvulkan-dev) serve,
# linked into a folder of their own, away from what else lies beside them and is for this system alone.
get_property(eerie_is_trial GLOBAL PROPERTY IN_TRY_COMPILE)
if(NOT eerie_is_trial AND EXISTS /usr/include/vulkan/vulkan_core.h)
  set(EERIE_VULKAN_INCLUDE_DIR ${CMAKE_BINARY_DIR}/vulkan-headers CACHE PATH
    "Where vulkan/vulkan_core.h lies")
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/vulkan-headers)
  foreach(folder vulkan vk_video)
    file(CREATE_LINK /usr/include/${folder} ${CMAKE_BINARY_DIR}/vulkan-headers/${folder} SYMBOLIC)
  endforeach()
endif()
