# Read by CMake beside CMakeLists.txt where ROS 2 comes from Python wheels:
#   -DCMAKE_PROJECT_INCLUDE=.../cmake/pip_ros.cmake
# An ordinary ROS 2 needs none of this.

# Some of the wheels export include directories of the machine they were built on
# (/opt/python/...). CMake does not accept an imported target that names a missing directory.
function(pip_ros_drop_missing_include_directories)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(directories ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(directories)
      set(existing "")
      foreach(directory IN LISTS directories)
        if(NOT IS_ABSOLUTE "${directory}" OR EXISTS "${directory}")
          list(APPEND existing "${directory}")
        endif()
      endforeach()
      set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${existing}")
    endif()
  endforeach()
endfunction()

# NumPy's headers lie inside the source tree when the virtual environment does, and CMake does
# not export a target that names a directory of the source tree.
function(pip_ros_keep_source_tree_out_of_exports)
  get_property(targets DIRECTORY PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(directories ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(directories)
      set(exported "")
      foreach(directory IN LISTS directories)
        string(FIND "${directory}" "${CMAKE_SOURCE_DIR}/" position)
        if(position EQUAL 0)
          set(directory "$<BUILD_INTERFACE:${directory}>")
        endif()
        list(APPEND exported "${directory}")
      endforeach()
      set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${exported}")
    endif()
  endforeach()
endfunction()

cmake_language(DEFER CALL pip_ros_drop_missing_include_directories)
cmake_language(DEFER CALL pip_ros_keep_source_tree_out_of_exports)
