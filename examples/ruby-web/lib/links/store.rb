# frozen_string_literal: true

require "fileutils"
require "sqlite3"

module Links
  # Links in one SQLite file, numbered from 1. Safe for threads: one connection, one lock.
  class Store
    SCHEMA = <<~SQL
      CREATE TABLE IF NOT EXISTS links (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        url TEXT NOT NULL UNIQUE,
        visits INTEGER NOT NULL DEFAULT 0
      ) STRICT
    SQL

    def initialize(folder)
      FileUtils.mkdir_p(folder)
      @lock = Mutex.new
      @database = SQLite3::Database.new(File.join(folder, "links.db"))
      @database.busy_timeout = 2000
      @database.execute("PRAGMA journal_mode = WAL")
      @database.execute(SCHEMA)
    end

    # The number of the link to this URL, made if there is none.
    def add(url)
      @lock.synchronize do
        @database.execute("INSERT INTO links (url) VALUES (?) ON CONFLICT (url) DO NOTHING", [url])
        @database.get_first_value("SELECT id FROM links WHERE url = ?", [url])
      end
    end

    # The URL of a link, whose visit is counted; nil if there is none.
    def visit(id)
      @lock.synchronize do
        @database.get_first_value(
          "UPDATE links SET visits = visits + 1 WHERE id = ? RETURNING url", [id]
        )
      end
    end

    def visits(id)
      @lock.synchronize do
        @database.get_first_value("SELECT visits FROM links WHERE id = ?", [id])
      end
    end

    def count
      @lock.synchronize { @database.get_first_value("SELECT count(*) FROM links") }
    end
  end
end
