"""What rclpy leaves open in the lifecycle of a node."""
from __future__ import annotations

from typing import Any

from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import LifecycleNode


def refuse_impossible_transitions(node: LifecycleNode) -> None:
    """
    Have a transition that the state does not allow refused by the service.

    Up to Jazzy rclpy raises an error in its callback instead, which ends the process; from Kilted
    on it refuses and logs an error itself.
    """
    service: Any = node._service_change_state
    change = service.callback

    def change_or_refuse(request: ChangeState.Request,
                         response: ChangeState.Response) -> ChangeState.Response:
        _, state = node._state_machine.current_state
        try:
            return change(request, response)
        except RuntimeError as error:  # RCLError, which rclpy does not export
            if not node.context.ok():
                raise
            name = request.transition.label or request.transition.id
            node.get_logger().warning(f'transition {name} is refused in state {state}: '
                                      f'{str(error).splitlines()[0]}')
            response.success = False
            return response

    service.callback = change_or_refuse
