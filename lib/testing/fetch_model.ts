// A process that fetches the model named by its first argument, in the hub environment of its second, and says where it
// is.

import { localModelFolder } from '../hub/fetch_model';

const [name, environment] = process.argv.slice(2);
localModelFolder(name!, { environment: JSON.parse(environment!), pauseMs: 5 }).then(
  (folder) => process.send!(folder, () => process.disconnect()),
  (error: Error) => process.send!({ error: error.message }, () => process.disconnect()),
);
