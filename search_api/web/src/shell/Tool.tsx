// A button with a picture for a name, which its tooltip says.

import { ActionIcon, Tooltip } from "@mantine/core";
import type { ReactNode } from "react";

interface Props {
  label: string;
  pressed?: boolean;
  /** It stands on a picture and not beside words. */
  raised?: boolean;
  onClick: () => void;
  children: ReactNode;
}

export function Tool({ label, pressed, raised = false, onClick, children }: Props) {
  const look = raised
    ? ({ size: "lg", variant: pressed ? "filled" : "default" } as const)
    : ({ variant: pressed ? "light" : "subtle", color: pressed ? undefined : "gray" } as const);
  return (
    <Tooltip label={label} position={raised ? "left" : "top"}>
      <ActionIcon {...look} aria-label={label} aria-pressed={pressed} onClick={onClick}>
        {children}
      </ActionIcon>
    </Tooltip>
  );
}
