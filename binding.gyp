{
  # node-gyp's part is only to run CMake, which describes the build (CMakeLists.txt).
  "targets": [
    {
      "target_name": "cheems_native_by_cmake",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "message": "Building the addon with CMake",
          "inputs": ["CMakeLists.txt"],
          # Never written, so that every build asks CMake what is out of date.
          "outputs": ["<(PRODUCT_DIR)/always_run"],
          "action": ["node", "scripts/build/build_addon.cjs"]
        }
      ]
    }
  ]
}
