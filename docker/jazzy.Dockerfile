# ROS 2 Jazzy (Ubuntu 24.04, Python 3.12), x86_64 and aarch64. Untried here: it was never built.
#   docker build -f docker/jazzy.Dockerfile -t deepsort_ros:jazzy .
FROM ros:jazzy-ros-base
SHELL ["/bin/bash", "-c"]
RUN apt-get update && apt-get install --yes --no-install-recommends python3-pip python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /ws
COPY . src/deepsort_ros
RUN apt-get update && rosdep update \
 && rosdep install --from-paths src --ignore-src --yes \
 && rm -rf /var/lib/apt/lists/*
# Ubuntu 24.04 takes packages of pip in a virtual environment only.
ENV VIRTUAL_ENV=/ws/.venv PATH=/ws/.venv/bin:$PATH
RUN python3 -m venv --system-site-packages .venv && touch .venv/COLCON_IGNORE \
 && pip install --no-cache-dir -c src/deepsort_ros/requirements/runtime.txt \
    mindspore onnxruntime rosbags av \
 && pip install --no-cache-dir --no-deps -r src/deepsort_ros/requirements/trackeval.txt
RUN source /opt/ros/jazzy/setup.bash && colcon build --packages-select deepsort_ros
RUN source install/setup.bash && ros2 run deepsort_ros deepsort doctor --quick
ENTRYPOINT ["/bin/bash", "-c", "source install/setup.bash && exec \"$@\"", "--"]
CMD ["ros2", "launch", "deepsort_ros", "tracker.launch.py"]
