/* The block "Points balance" in the editor: shown as the server renders it. */
( function ( blocks, element, ServerSideRender, blockEditor ) {
	blocks.registerBlockType( 'pointsync/balance', {
		edit: function () {
			return element.createElement(
				'div',
				blockEditor.useBlockProps(),
				element.createElement( ServerSideRender, { block: 'pointsync/balance' } )
			);
		},
		save: function () {
			return null;
		},
	} );
} )( window.wp.blocks, window.wp.element, window.wp.serverSideRender, window.wp.blockEditor );
