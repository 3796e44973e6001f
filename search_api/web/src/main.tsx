import "@mantine/core/styles.css";
import "../generated/theme.css";
import "./style.css";

import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { startTransition, StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { sessionOptions, statusOptions } from "./api/library";
import { makeQueries } from "./api/queries";
import { App } from "./App";
import { Boundary } from "./shell/Boundary";
import { searchOf } from "./search/asked";
import { blockOptions } from "./search/request";
import { theme } from "./theme";
import { read } from "./view";

const ANSWERED_MS = 200;
const queries = makeQueries();

// What was asked early is there by now or soon: the first screen is drawn once, with its photos, and in small steps.
const asked = [queries.prefetchQuery(statusOptions), queries.prefetchQuery(sessionOptions)];
if (location.pathname === "/") asked.push(queries.prefetchQuery(blockOptions(searchOf(read(location.search), null, 0), 0)));
await Promise.race([Promise.all(asked), new Promise((after) => setTimeout(after, ANSWERED_MS))]);

const root = createRoot(document.getElementById("root") as HTMLElement);
const page = (
  <StrictMode>
    <MantineProvider theme={theme} withCssVariables={false} withGlobalClasses={false} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <Boundary at="app">
          <App />
        </Boundary>
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>
);
startTransition(() => root.render(page));
