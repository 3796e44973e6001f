// The list of keys: `?` shows it.

import { Kbd } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";

import { t } from "../texts";
import { Dialog } from "./Dialog";
import { useKeys } from "./layers";

const { list } = t.keys;
const KEYS: [string, [string[], string][]][] = [
  [
    t.keys.everywhere,
    [
      [["/"], list.search],
      [["?"], list.help],
      [["Ctrl", "Z"], list.undo],
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
  useKeys((event) => {
    if (event.key === "?") open();
  }, "everywhere");
  return (
    <Dialog opened={opened} onClose={close} title={t.keys.title} zIndex={400}>
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
    </Dialog>
  );
}
