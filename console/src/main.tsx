import "@cloudscape-design/global-styles/index.css";
import "virtual:theme.css";
import "./style.css";

import { I18nProvider } from "@cloudscape-design/components/i18n";
import messages from "@cloudscape-design/components/i18n/messages/all.en";
import { createRoot } from "react-dom/client";

import { SessionProvider } from "./api/session";
import { App } from "./shell/app";
import { NoticesProvider } from "./shell/notices";
import { PreferencesProvider } from "./shell/preferences";

createRoot(document.getElementById("root")!).render(
  <I18nProvider locale="en" messages={[messages]}>
    <PreferencesProvider>
      <SessionProvider>
        <NoticesProvider>
          <App />
        </NoticesProvider>
      </SessionProvider>
    </PreferencesProvider>
  </I18nProvider>,
);
