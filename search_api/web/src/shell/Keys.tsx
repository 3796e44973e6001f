// The list of keys: `?` shows it.

import { Kbd, Modal } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useEffect } from "react";

import { t } from "../texts";

const { list } = t.keys;
const KEYS: [string, [string[], string][]][] = [
  [
    t.keys.everywhere,
    [
      [["/"], list.search],
      [["?"], list.help],
    ],
  ],
  [
    t.keys.grid,
    [
      [["↓"], list.toGrid],
      [["←", "→", "↑", "↓"], list.walk],
      [["Home", "End"], list.ends],
      [["Enter"], list.enter],
      [["Space"], list.choose],
      [["⇧", "→"], list.chooseMore],
      [["Ctrl", "A"], list.chooseAll],
      [["Esc"], list.chooseNone],
    ],
  ],
  [
    t.keys.photo,
    [
      [["←", "→"], list.steps],
      [["+", "−", "0"], list.zoom],
      [["I"], list.info],
      [["L"], list.like],
      [["⇧", "L"], list.unlike],
      [["1", "…", "5"], list.stars],
      [["Esc"], list.escape],
    ],
  ],
];

export function Keys() {
  const [opened, { open, close }] = useDisclosure(false);
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key !== "?" || (event.target as HTMLElement).matches?.("input, select, textarea")) return;
      event.preventDefault();
      open();
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, [open]);
  return (
    <Modal opened={opened} onClose={close} title={t.keys.title} zIndex={400} closeButtonProps={{ "aria-label": t.close }}>
      {KEYS.map(([where, keys]) => (
        <section key={where} className="keys">
          <h3>{where}</h3>
          <dl>
            {keys.map(([names, what]) => (
              <div key={what}>
                <dt>
                  {names.map((name) => (
                    <Kbd key={name}>{name}</Kbd>
                  ))}
                </dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </Modal>
  );
}
